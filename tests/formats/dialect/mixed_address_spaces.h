// A mistake that C++ and CUDA do not see and Metal refuses: bytes of weights (device memory) through a plain pointer.
// The dialect test compiles it to know that its check for address spaces works.
fn first_byte(view b) {
  const u8* plain = b.at;
  return (u32)plain[0];
}

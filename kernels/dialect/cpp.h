// The dialect as C++: the few words that differ between C++, CUDA and Metal. Everything else in formats/ and kernels/
// is the same text for all three. This file has bodies: it is included inside an unnamed namespace of the including
// unit, so that no other unit can run what this one's compiler flags made of them.
//
//   fn           a function of the device world, returning by value
//   MEMBER       the same, for a member that needs its object
//   TABLE        a constant table at file scope:  TABLE(i8, name, 16) = { … };
//   BYTES        pointer to bytes of weights
//   u8 … i64     integers of fixed width
//   float_of     bits -> float;  half_to_float  bits of an f16 -> float
//   DEVICE       address space of device memory, in pointers of parameter structs
//   THREAD       address space of a thread's own variables, for references
//
// Kernels of GPUs also have these words, defined by cuda.h and metal.h:
//
//   SHARED       address space of the memory that a group's threads share
//   PARAMS(T)    reference to the parameters of a launch
//   Thread       which thread this is: group of groups, index in the group, lane of 32, warp
//   group_barrier()          all threads of a group arrive, and see what the others wrote to SHARED before
//   warp_barrier()           the same for the 32 threads of a warp
//   lane_value(x, l)         the x of lane l; all 32 lanes call it
//   lane_exchange(x, mask)   the x of lane `lane ^ mask`; all 32 lanes call it
//   dot4(a, b, sum)          sum + the products of four signed bytes each
//   permute(lo, hi, s)       byte i of the result is byte (s >> 4 i & 7) of the eight in lo and hi
//   nearest_half(x)          bits of the f16 nearest to x, ties to even
//   bits_of                  float -> bits
//   launch_dependents()      the next launch may begin; it runs concurrently with this one until it calls
//                            dependency_wait
//   dependency_wait()        returns when the previous launch has ended and its writes are visible. Every thread calls
//                            it, before it writes to DEVICE, and before it reads there what an unfinished launch may
//                            write. Where launches do not overlap it does nothing
//   copy_four(to, from)      starts an asynchronous copy of 16 bytes from DEVICE to SHARED, both multiples of 16;
//                            close_copies() ends a group of such copies, and await_copies<n>() returns when all but the
//                            thread's last n groups have arrived and are visible to this thread. copies_overlap: 0
//                            where copies are synchronous
//   copy_gate    in SHARED: barrier for runs of bytes that are copied together. set_gates(gates, count, thread) is
//                called by all threads, followed by a group_barrier, before one is used. Threads for which
//                asks(round, warps, thread) holds, all or one of a group's, call copy_run(to, from, bytes, gate,
//                threads, thread) for every run, multiples of 16, and close_gate(gate) after the last. Every thread
//                calls await_gate<newer>(gate, round) before it reads them, followed by a group_barrier; `newer`
//                other gates may have been closed since, and round is how often this gate was awaited before
//   will_read(at)            prefetches the line of DEVICE memory there
//   UNROLL(n)    before a loop: unroll it n times
//   ENTRY(name, kernel)      an entry point: a struct with Params, Shared (the group's memory), `threads`,
//                            `groups_per_core` (how many groups should fit a core, which limits registers) and
//                            run(params, shared, me)
#pragma once
#include "integers.h"

#define fn static inline __attribute__((always_inline)) auto
#define MEMBER inline __attribute__((always_inline))
#define TABLE(type, name, count) static constexpr type name[count]
#define BYTES const u8*
#define DEVICE
#define THREAD
#define UNROLL(n)

struct copy_gate {
  u64 of;
};

fn float_of(u32 bits) {
  float f;
  __builtin_memcpy(&f, &bits, 4);
  return f;
}

// Exact for every bit pattern: exponent and mantissa move up 13 bits, 2^112 corrects the bias (and normalizes
// subnormals).
fn half_to_float(u32 bits) {
  u32 magnitude = (bits & 0x7fffu) << 13;
  float f =
      (bits & 0x7c00u) == 0x7c00u ? float_of(magnitude | 0x7f800000u) : float_of(magnitude) * float_of(0x77800000u);
  return bits & 0x8000u ? -f : f;
}

// What a cubin says of its kernels: registers a thread, and bytes of local memory a thread, which is where spilled
// registers and arrays go. A cubin is an ELF file; its section .nv.info holds attributes of kernels as NVIDIA's binary
// utilities list them.
#pragma once
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace ingot::cuda {

struct KernelResources {
  int registers = 0;
  int local_bytes = 0;
};

class Cubin {
 public:
  explicit Cubin(std::span<const std::byte> file) : file_(file) {
    if (file.size() < 64 || std::memcmp(file.data(),
                                        "\x7f"
                                        "ELF\x02\x01",
                                        6) != 0)
      throw std::runtime_error("no 64-bit ELF file");
    uint64_t at = read<uint64_t>(0x28);
    sections_.resize(read<uint16_t>(0x3c));
    for (size_t i = 0; i < sections_.size(); i++) sections_[i] = read<Section>(at + i * sizeof(Section));
    names_ = read<uint16_t>(0x3e);
  }

  std::map<std::string, KernelResources> kernels() const {
    std::map<std::string, KernelResources> kernels;
    const Section& info = section(".nv.info");
    for (uint64_t at = info.offset, end = at + info.bytes; at + 4 <= end;) {
      uint8_t form = read<uint8_t>(at), attribute = read<uint8_t>(at + 1);
      uint16_t bytes = read<uint16_t>(at + 2);
      at += 4;
      if (form != sized) continue;  // the value stands where the size would
      if (attribute == registers || attribute == frame_bytes || attribute == min_stack_bytes) {
        KernelResources& k = kernels[symbol(info.link, read<uint32_t>(at))];
        int value = static_cast<int>(read<uint32_t>(at + 4));
        if (attribute == registers)
          k.registers = value;
        else
          k.local_bytes = std::max(k.local_bytes, value);
      }
      at += bytes;
    }
    return kernels;
  }

 private:
  enum { sized = 4, frame_bytes = 0x11, min_stack_bytes = 0x12, registers = 0x2f };
  struct Section {
    uint32_t name, type;
    uint64_t flags, address, offset, bytes;
    uint32_t link, info;
    uint64_t alignment, entry_bytes;
  };

  template <class T> T read(uint64_t at) const {
    if (at > file_.size() || sizeof(T) > file_.size() - at) throw std::runtime_error("the cubin ends early");
    T value;
    std::memcpy(&value, file_.data() + at, sizeof value);
    return value;
  }
  std::string text(uint64_t at) const {
    std::string s;
    for (char c; (c = read<char>(at)) != 0; at++) s += c;
    return s;
  }
  const Section& section(const std::string& name) const {
    for (const Section& s : sections_)
      if (text(sections_.at(names_).offset + s.name) == name) return s;
    throw std::runtime_error("no section " + name);
  }
  std::string symbol(uint32_t table, uint32_t number) const {
    const Section& symbols = sections_.at(table);
    return text(sections_.at(symbols.link).offset + read<uint32_t>(symbols.offset + number * symbols.entry_bytes));
  }

  std::span<const std::byte> file_;
  std::vector<Section> sections_;
  size_t names_ = 0;
};

}  // namespace ingot::cuda

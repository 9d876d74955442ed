#include "emulator/executor.h"

#include <fmt/format.h>
#include <link.h>
#include <sys/mman.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ingot/error.h"

#if defined(__SANITIZE_ADDRESS__)
extern "C" {
void __asan_unpoison_memory_region(const volatile void* at, size_t bytes);
void __sanitizer_start_switch_fiber(void** fake_stack, const void* bottom, size_t bytes);
void __sanitizer_finish_switch_fiber(void* fake_stack, const void** bottom, size_t* bytes);
}
#endif

// Keeps the registers that a call must keep on the stack, and exchanges the stacks (System V ABI, x86-64 and AArch64).
extern "C" void ingot_emulator_switch(void** from, void* to);
#if defined(__x86_64__)
asm(R"(
.text
.globl ingot_emulator_switch
ingot_emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");
#else
#error "the emulator runs on x86-64"
#endif

namespace ingot::emulator {

namespace {

constexpr uint32_t warp_threads = 32, max_threads = 1024, canary_bytes = 256, copy_bytes = 16, poison = 0xff;
constexpr size_t stack_bytes = 128 << 10;

enum class State { ready, at_lanes, at_warp_barrier, at_group_barrier, done };
const char* name_of(State state) {
  constexpr const char* names[] = {"runs", "is at a lane operation", "is at a warp barrier", "is at a group barrier",
                                   "has ended"};
  return names[static_cast<int>(state)];
}

struct Copy {
  void* to;
  const void* from;
};

struct Fiber {
  State state = State::ready;
  const void* site = nullptr;  // of the operation that it waits at
  uint32_t lane_meetings = 0;
  bool has_waited = false;                       // for the launch in front
  std::vector<std::vector<Copy>> copies = {{}};  // on their way, by group; the last one is open
  void* stack = nullptr;                         // pointer of the stack while others run
};

// What the lanes of a warp hand in.
struct LaneValues {
  uint32_t of[warp_threads][max_lane_values];
};

// Who touched a byte last, and after how many barriers.
struct Touch {
  uint32_t thread = 0;  // + 1; 0: nobody
  uint32_t group_barriers = 0, warp_barriers = 0;
};
// The last reader stands for all that read since the last barrier that concerns them.
struct Shadow {
  enum Readers : uint8_t { one, of_one_warp, of_several };
  Touch writer, reader;
  Readers readers = one;
};

class Executor {
 public:
  static Executor& here() {
    static thread_local Executor executor;
    return executor;
  }

  void execute(const Grid& grid) {
    if (!grid.threads || grid.threads % warp_threads || grid.threads > max_threads)
      throw Error("emulator", "a group of a size that cannot be", std::to_string(grid.threads),
                  fmt::format("a multiple of {}, at most {}", warp_threads, max_threads));
    grid_ = grid;
    fibers_.resize(std::max<size_t>(fibers_.size(), grid.threads));
    lane_values_.resize(std::max<size_t>(lane_values_.size(), grid.threads / warp_threads));
    if (stacks_threads_ < grid.threads) map_stacks(grid.threads);
    shared_.resize(grid.shared_bytes + canary_bytes + 64);
    shared_at_ = shared_.data() + (64 - reinterpret_cast<uintptr_t>(shared_.data()) % 64) % 64;
    random_ = grid.seed * 2 + 1;
    fault_.clear();
    device_.clear();
    for (group_ = 0; group_ < grid.groups && fault_.empty(); group_++) run_group();
    if (!fault_.empty())
      throw Error("emulator", fault_, fmt::format("group {} of {}", group_ - 1, grid.groups),
                  "a kernel that a GPU runs as it is meant");
  }

  // ---- from kernels, on a fiber

  void wait(State state, const void* site) {
    Fiber& fiber = fibers_[current_];
    fiber.state = state, fiber.site = site;
    to_host();
  }
  // Two tables in turns: a lane that goes on hands in at the other one, and comes back to this when everybody has been
  // there.
  const uint32_t* lane_values(const uint32_t* mine, uint32_t count, const void* site) {
    if (count > max_lane_values) blame("a lane hands in too many values");
    LaneValues& all = lane_values_[current_ / warp_threads][fibers_[current_].lane_meetings++ % 2];
    std::memcpy(all.of[lane()], mine, count * sizeof *mine);
    wait(State::at_lanes, site);
    return all.of[0];
  }
  uint32_t from_lane(uint32_t value, uint32_t lane, const void* site) {
    if (lane >= warp_threads) blame("a lane is read that does not exist");
    return lane_values(&value, 1, site)[lane * max_lane_values];
  }
  uint32_t lane() const { return current_ % warp_threads; }
  void dependency_wait() { fibers_[current_].has_waited = true; }

  void copy_four(void* to, const void* from) {
    if (reinterpret_cast<uintptr_t>(from) % copy_bytes || reinterpret_cast<uintptr_t>(to) % copy_bytes)
      blame("a copy that is not aligned");
    access(from, copy_bytes, false);
    fibers_[current_].copies.back().push_back({to, from});
  }
  void close_copies() { fibers_[current_].copies.emplace_back(); }
  // As late as can be: nobody sees what was not waited for.
  void await_copies(uint32_t but) {
    auto& copies = fibers_[current_].copies;
    for (; copies.size() > but + 1; copies.erase(copies.begin()))
      for (const Copy& copy : copies.front()) {
        access(copy.to, copy_bytes, true);
        std::memcpy(copy.to, copy.from, copy_bytes);
      }
  }

  void access(const void* at, uint64_t bytes, bool writes) {
    auto address = reinterpret_cast<uintptr_t>(at), shared = reinterpret_cast<uintptr_t>(shared_at_),
         stack = reinterpret_cast<uintptr_t>(stacks_);
    auto inside = [&](uintptr_t begin, uint64_t size) {
      return address >= begin && address - begin < size && bytes <= size - (address - begin);
    };
    if (inside(shared, grid_.shared_bytes)) {
      for (uint64_t i = 0; i < bytes; i++) touch(shared_shadow_[address - shared + i], writes, true);
    } else if (address >= stack && address - stack < stacks_threads_ * stack_bytes) {
      if ((address - stack) / stack_bytes != current_) blame("a thread reaches into another thread's own memory");
    } else {
      for (const Region& region : grid_.regions)
        if (inside(reinterpret_cast<uintptr_t>(region.at), region.bytes)) {
          if (writes && !region.writable) return blame("a write to memory that is only read");
          if (grid_.overlaps && !fibers_[current_].has_waited && (writes || !region.settled))
            return blame(fmt::format("a {} before the launch in front has ended",
                                     writes ? "write" : "read of what it may write,"));
          for (uint64_t i = 0; i < bytes; i++) touch(device_shadow(address + i), writes, false);
          return;
        }
      if (address < 1 << 16)
        return blame(fmt::format("{} of {} bytes at {}, near null", writes ? "a write" : "a read", bytes, address));
      if (address >= shared - 4096 && address < shared + grid_.shared_bytes + 4096)
        return blame(fmt::format("{} outside of the group's memory, at byte {}", writes ? "a write" : "a read",
                                 int64_t(address - shared)));
      if (!grid_.regions.empty() && (writes || !is_constant(address)))
        blame(writes ? "a write outside of every buffer" : "a read outside of every buffer");
    }
  }

  // The first fault ends the launch: its fibers are not gone on with.
  void blame(const std::string& what) {
    if (fault_.empty()) fault_ = fmt::format("{} (thread {} of group {})", what, current_, group_);
    for (;;) to_host();
  }

 private:
  void map_stacks(uint32_t threads) {
    if (stacks_) munmap(stacks_, stacks_threads_ * stack_bytes);
    stacks_ = static_cast<char*>(mmap(nullptr, threads * stack_bytes, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (stacks_ == MAP_FAILED) throw std::bad_alloc();
    stacks_threads_ = threads;
  }

  void start(uint32_t thread) {
    Fiber& fiber = fibers_[thread];
    fiber = {};
#if defined(__SANITIZE_ADDRESS__)  // of marks that an earlier thread left there
    __asan_unpoison_memory_region(stacks_ + thread * stack_bytes, stack_bytes);
#endif
    auto* top = reinterpret_cast<void**>(stacks_ + (thread + 1) * stack_bytes);
    *--top = nullptr;  // where a caller would have its return address: the stack is aligned as behind a call
    *--top = reinterpret_cast<void*>(&Executor::begin);
    for (int registers = 0; registers < 6; registers++) *--top = nullptr;
    fiber.stack = top;
  }
  static void begin() {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &here().host_bottom_, &here().host_bytes_);
#endif
    Executor& e = here();
    e.grid_.entry(e.grid_.parameters, e.shared_at_, {e.group_, e.grid_.groups, e.current_});
    if (e.grid_.overlaps && !e.fibers_[e.current_].has_waited)
      e.blame("a thread ends without waiting for the launch in front");
    for (const auto& group : e.fibers_[e.current_].copies)
      if (!group.empty()) e.blame("a thread ends before its copies have come");
    e.fibers_[e.current_].state = State::done;
    for (;;) e.to_host();
  }
  void to_fiber(uint32_t thread) {
    current_ = thread;
#if defined(__SANITIZE_ADDRESS__)
    void* fake = nullptr;
    __sanitizer_start_switch_fiber(&fake, stacks_ + thread * stack_bytes, stack_bytes);
#endif
    ingot_emulator_switch(&host_, fibers_[thread].stack);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
  }
  void to_host() {
#if defined(__SANITIZE_ADDRESS__)
    void* fake = nullptr;
    __sanitizer_start_switch_fiber(&fake, host_bottom_, host_bytes_);
#endif
    ingot_emulator_switch(&fibers_[current_].stack, host_);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake, &host_bottom_, &host_bytes_);
#endif
  }

  uint32_t below(uint32_t n) {  // 0 … n − 1
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>((random_ >> 33) % n);
  }

  void run_group() {
    std::memset(shared_at_, poison, grid_.shared_bytes + canary_bytes);
    shared_shadow_.assign(grid_.shared_bytes, {});
    group_barriers_ = 0;
    warp_barriers_.assign(grid_.threads / warp_threads, 0);
    for (uint32_t t = 0; t < grid_.threads; t++) start(t);
    const uint32_t warps = grid_.threads / warp_threads;
    while (fault_.empty()) {
      const uint32_t first = grid_.seed ? below(warps) : 0;
      for (uint32_t w = 0; w < warps && fault_.empty(); w++) run_warp((w + first) % warps);
      if (!fault_.empty() || all_done()) break;
      meet(0, grid_.threads);
      group_barriers_++;
    }
    for (uint32_t i = 0; i < canary_bytes && fault_.empty(); i++)
      if (shared_at_[grid_.shared_bytes + i] != poison)
        fault_ = fmt::format("a write behind the group's memory of {} bytes", grid_.shared_bytes);
  }

  // Until its threads have ended or wait for the other warps.
  void run_warp(uint32_t warp) {
    const uint32_t begin = warp * warp_threads;
    for (;;) {
      const uint32_t first = grid_.seed ? below(warp_threads) : 0, back = grid_.seed ? below(2) : 0;
      for (uint32_t i = 0; i < warp_threads; i++) {
        const uint32_t thread = begin + ((back ? warp_threads - 1 - i : i) + first) % warp_threads;
        if (fibers_[thread].state == State::ready) to_fiber(thread);
        if (!fault_.empty()) return;
      }
      bool apart = false;
      for (uint32_t t = begin; t < begin + warp_threads; t++)
        apart |= fibers_[t].state == State::at_lanes || fibers_[t].state == State::at_warp_barrier;
      if (!apart) return;
      warp_barriers_[warp] += fibers_[begin].state == State::at_warp_barrier;
      meet(begin, begin + warp_threads);
      if (!fault_.empty()) return;
    }
  }

  // They must all wait at one place; then they go on.
  void meet(uint32_t begin, uint32_t end) {
    for (uint32_t t = begin; t < end; t++) {
      const Fiber &one = fibers_[begin], &other = fibers_[t];
      if (other.state != one.state || other.site != one.site) {
        fault_ = fmt::format("threads part: thread {} {} where thread {} {}{}", begin, name_of(one.state), t,
                             name_of(other.state), one.state == other.state ? " of another place" : "");
        return;
      }
    }
    for (uint32_t t = begin; t < end; t++) fibers_[t].state = State::ready;
  }

  bool all_done() const {
    for (uint32_t t = 0; t < grid_.threads; t++)
      if (fibers_[t].state != State::done) return false;
    return true;
  }

  // Of a loaded library: tables of the compiled text lie there.
  bool is_constant(uintptr_t address) {
    if (address < constants_begin_ || address >= constants_end_) {
      constants_begin_ = address, constants_end_ = 0;
      dl_iterate_phdr(
          [](dl_phdr_info* library, size_t, void* to) {
            auto& e = *static_cast<Executor*>(to);
            for (int i = 0; i < library->dlpi_phnum; i++) {
              uintptr_t begin = library->dlpi_addr + library->dlpi_phdr[i].p_vaddr,
                        end = begin + library->dlpi_phdr[i].p_memsz;
              if (e.constants_end_ == 0 && library->dlpi_phdr[i].p_type == PT_LOAD && begin <= e.constants_begin_ &&
                  e.constants_begin_ < end)
                e.constants_begin_ = begin, e.constants_end_ = end;
            }
            return 0;
          },
          this);
    }
    return address < constants_end_;
  }

  // ---- races

  Shadow& device_shadow(uintptr_t address) {
    std::unique_ptr<std::array<Shadow, page>>& shadows = device_[address / page];
    if (!shadows) shadows = std::make_unique<std::array<Shadow, page>>();
    return (*shadows)[address % page];
  }
  uint32_t thread_number(bool in_shared) const {
    return 1 + (in_shared ? current_ : group_ * grid_.threads + current_);
  }
  // Does what is now come behind `t` for thread `me` (0: for any thread of its warp)?
  bool is_before(const Touch& t, uint32_t me, bool in_shared) const {
    if (t.thread == 0 || t.thread == me) return true;
    if (!in_shared) return false;
    if (t.group_barriers < group_barriers_) return true;
    return is_of_this_warp(t) && t.warp_barriers < warp_barriers_[current_ / warp_threads];
  }
  bool is_of_this_warp(const Touch& t) const {
    return t.thread && (t.thread - 1) % grid_.threads / warp_threads == current_ / warp_threads;
  }
  void touch(Shadow& s, bool writes, bool in_shared) {
    const uint32_t me = thread_number(in_shared);
    const char* where = in_shared ? "the group's memory" : "device memory";
    if (!is_before(s.writer, me, in_shared))
      blame(fmt::format("a race in {}: thread {} {} what thread {} wrote", where, me - 1, writes ? "writes" : "reads",
                        s.writer.thread - 1));
    const Touch now{me, group_barriers_, warp_barriers_[current_ / warp_threads]};
    if (writes) {
      const bool behind = s.readers == Shadow::of_several
                              ? in_shared && s.reader.group_barriers < group_barriers_
                              : is_before(s.reader, s.readers == Shadow::one ? me : 0, in_shared);
      if (!behind)
        blame(fmt::format("a race in {}: thread {} writes what thread {} read", where, me - 1, s.reader.thread - 1));
      s = {now, {}, Shadow::one};
    } else {
      if (is_before(s.reader, me, in_shared))
        s.readers = s.reader.thread == me ? s.readers : Shadow::one;
      else
        s.readers =
            is_of_this_warp(s.reader) && s.readers != Shadow::of_several ? Shadow::of_one_warp : Shadow::of_several;
      s.reader = now;
    }
  }

  static constexpr uintptr_t page = 4096;

  Grid grid_;
  std::vector<Fiber> fibers_;
  std::vector<std::array<LaneValues, 2>> lane_values_;  // by warp
  char* stacks_ = nullptr;
  size_t stacks_threads_ = 0;
  void* host_ = nullptr;
  const void* host_bottom_ = nullptr;  // of the stack that the launch came on, for AddressSanitizer
  size_t host_bytes_ = 0;
  uint32_t current_ = 0, group_ = 0;
  uint64_t random_ = 0;
  std::vector<unsigned char> shared_;
  unsigned char* shared_at_ = nullptr;
  std::string fault_;

  uintptr_t constants_begin_ = 1, constants_end_ = 0;
  uint32_t group_barriers_ = 0;
  std::vector<uint32_t> warp_barriers_;
  std::vector<Shadow> shared_shadow_;
  std::unordered_map<uintptr_t, std::unique_ptr<std::array<Shadow, page>>> device_;
};

}  // namespace

void execute(const Grid& grid) { Executor::here().execute(grid); }

const EmulatorServices& services() {
  static const EmulatorServices all{
      [] { Executor::here().wait(State::at_group_barrier, __builtin_return_address(0)); },
      [] { Executor::here().wait(State::at_warp_barrier, __builtin_return_address(0)); },
      [](unsigned value, unsigned mask) {
        return Executor::here().from_lane(value, Executor::here().lane() ^ mask, __builtin_return_address(0));
      },
      [](unsigned value, unsigned lane) {
        return Executor::here().from_lane(value, lane, __builtin_return_address(0));
      },
      [](const unsigned* mine, unsigned count) {
        return Executor::here().lane_values(mine, count, __builtin_return_address(0));
      },
      [] { return Executor::here().lane(); },
      [](const void* at, unsigned long bytes, int writes) { Executor::here().access(at, bytes, writes != 0); },
      [](const char* what) { Executor::here().blame(std::string("arithmetic without a meaning: ") + what); },
      [] { Executor::here().dependency_wait(); },
      [](void* to, const void* from) { Executor::here().copy_four(to, from); },
      [] { Executor::here().close_copies(); },
      [](unsigned but) { Executor::here().await_copies(but); },
  };
  return all;
}

}  // namespace ingot::emulator

#include "backends/cpu/memory.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "backends/cpu/machine.h"
#include "ingot/error.h"

namespace ingot::cpu {

namespace {

std::string megabytes(uint64_t bytes) { return fmt::format("{:.0f} MB", double(bytes) / 1e6); }

// What pages leave of the free memory: an eighth, and at least 256 MB. The engine's own tables, answers and requests
// grow alongside; rows of the embedding and models of other processes need space in the page cache; and a process that
// takes the last page of a control group is killed without notice. One sequence of full length is granted without this
// reserve, as its user asked for that context.
uint64_t headroom(uint64_t free) { return std::max<uint64_t>(free / 8, 256'000'000); }

}  // namespace

// Memory is committed when it is first touched, and a process that touches more than there is gets killed without
// notice.
PageRange pages_within(const plan::Plan& plan, const plan::Choices& choices, const Limits& limits) {
  const int min = plan::pages_for(plan.limits.context);
  const uint64_t sequence = capped_product(min, choices.page_bytes), asked = plan.limits.state_bytes;
  if (asked > 0 && asked < sequence)
    throw Error("memory", "keys and values of one sequence exceed the memory for them", megabytes(asked),
                fmt::format("at least {}, for {} positions", megabytes(sequence), plan.limits.context),
                "raise the memory for keys and values (--state-memory), or ask for a shorter context (-c)");
  const uint64_t states = std::max(asked, sequence);
  const uint64_t all = capped_sum(choices.resident_bytes, choices.scratch_bytes, states);
  const bool known = limits.memory() != Limits::unlimited;
  if (known && all > limits.memory())
    throw Error(
        "memory", "the model does not fit into free memory",
        fmt::format("{} of weights + {} of scratch + {} of keys and values = {}", megabytes(choices.resident_bytes),
                    megabytes(choices.scratch_bytes), megabytes(states), megabytes(all)),
        fmt::format(
            "at most {}, {}", megabytes(limits.memory()),
            limits.group_memory < limits.free_memory ? "what the control group leaves" : "what the machine has free"),
        choices.resident_bytes > 0
            ? "run it from the file (--no-repack), ask for a shorter context (-c), or free memory"
            : "ask for a shorter context (-c), or free memory");
  uint64_t given = asked;
  if (asked == 0) {
    const uint64_t free = known ? limits.memory() : total_memory() / 2;  // a system that does not report it
    const uint64_t taken = capped_sum(choices.resident_bytes, choices.scratch_bytes, headroom(free));
    given = free - std::min(free, taken);
  }
  const uint64_t pages = choices.page_bytes > 0 ? given / choices.page_bytes : 0;
  const int max = static_cast<int>(std::min<uint64_t>(pages, std::numeric_limits<int>::max()));
  return {.min = min, .max = std::max(min, max)};
}

}  // namespace ingot::cpu

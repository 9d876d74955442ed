#include "backend/plan.h"

namespace ingot::backend {

const char* step_kind_name(StepKind kind) {
  switch (kind) {
    case StepKind::embed: return "embed";
    case StepKind::qkv: return "qkv";
    case StepKind::rope_store: return "rope_store";
    case StepKind::attend: return "attend";
    case StepKind::project_add: return "project_add";
    case StepKind::gate_up: return "gate_up";
    case StepKind::project: return "project";
    case StepKind::norm_add: return "norm_add";
    case StepKind::head: return "head";
  }
  return "";
}

}  // namespace ingot::backend

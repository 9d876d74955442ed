// ingot run --parallel: answers a file of requests, several at once.
#pragma once
#include <string>

#include "ingot/ingot.h"
#include "requests.h"

namespace ingot::apps {

struct RequestsRun {
  std::string model, file;
  LoadOptions load;
  RequestLine defaults;  ///< what the command line says, for members that a request leaves out
  int parallel = 1;      ///< requests that are answered at once
};

/// Prints one object per request, in the file's order, each as soon as those before it are out. Returns the exit
/// status: a request that failed prints {"error": …} and leaves the others alone.
int perform_requests(const RequestsRun& run);

}  // namespace ingot::apps

// By which name and address other machines know this one.
#pragma once

#include <string>

#include "core/distributed_environment.h"

namespace heed {

std::string host_name();

/// Whether a machine of that name or address is known here.
bool is_known_host(const std::string& host);

/// Of this machine, to which the other processes connect.
struct OwnAddress {
  std::string interface, address;  ///< "eth0", "10.0.0.7"
  std::string why;  ///< "GLOO_SOCKET_IFNAME", "all processes are on this machine", ...
};

/// The interface that GLOO_SOCKET_IFNAME names (the first of several); else lo where all processes are on this machine;
/// else the one from which the machine of rank 0 is reached, or the first that is up where that is this machine under a
/// name for itself (Debian calls a machine 127.0.1.1). Throws UsageError where there is none.
OwnAddress own_address(const DistributedEnvironment& environment);

/// A port of this machine at which nobody listens. Throws FileError.
int free_port();

}  // namespace heed

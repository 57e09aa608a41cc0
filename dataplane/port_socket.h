// SPDX-License-Identifier: BSD-3-Clause
// Unix sockets that ports listen on: a path that may be left over from a process that is dead, and who may connect.
#pragma once

#include "lib/err.h"
#include <stddef.h>

#define PORT_SOCKET_LEN 108 // with its end; what the kernel and DPDK's drivers take

// Whether DPDK's drivers, which read comma-separated arguments, can take it. `what` names the field in the message.
int port_socket_check(const char *socket, const char *what, const char *path, struct err *err);
// control. Makes sure that a socket of this type (SOCK_*) can be made at `socket`: removes one that nobody listens on
// any more. -EADDRINUSE, -EEXIST (something else is there), -ENOENT (no folder).
int port_socket_clear(const char *socket, int type, struct err *err);
// control. Lets root and the group `leat` connect, and nobody else.
void port_socket_share(const char *socket);
// control. Listens at `socket`, which port_socket_clear() found free. An fd that does not block, or negative errno.
int port_socket_listen(const char *socket, int type, struct err *err);
// control. Connects without waiting. An fd that does not block, or negative errno; no message.
int port_socket_connect(const char *socket, int type);

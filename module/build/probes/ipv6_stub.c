// SPDX-License-Identifier: GPL-2.0
/* IPv6 may be a module and is called through ipv6_stub (before 7.1) */
#include <net/ipv6_stubs.h>
#include <net/sock.h>

struct dst_entry *probe(struct sock *sk, struct flowi6 *fl)
{
	return ipv6_stub->ipv6_dst_lookup_flow(sock_net(sk), sk, fl, NULL);
}

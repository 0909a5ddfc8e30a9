// SPDX-License-Identifier: GPL-2.0
/* ip_tunnel_header_ops (5.8) */
#include <linux/netdevice.h>
#include <net/ip_tunnels.h>

const struct header_ops *probe(void)
{
	return &ip_tunnel_header_ops;
}

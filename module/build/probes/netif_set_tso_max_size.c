// SPDX-License-Identifier: GPL-2.0
/* netif_set_tso_max_size() (5.19) */
#include <linux/netdevice.h>

void probe(struct net_device *dev)
{
	netif_set_tso_max_size(dev, GSO_MAX_SIZE);
}

// SPDX-License-Identifier: GPL-2.0
/* netif_threaded_enable() (6.17) */
#include <linux/netdevice.h>

void probe(struct net_device *dev)
{
	netif_threaded_enable(dev);
}

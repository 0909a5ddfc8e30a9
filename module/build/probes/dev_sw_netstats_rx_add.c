// SPDX-License-Identifier: GPL-2.0
/* dev_sw_netstats_rx_add() (5.10) */
#include <linux/netdevice.h>

void probe(struct net_device *dev)
{
	dev_sw_netstats_rx_add(dev, 1);
}

// SPDX-License-Identifier: GPL-2.0
/* DEV_STATS_INC() (6.2, and stable trees) */
#include <linux/netdevice.h>

void probe(struct net_device *dev)
{
	DEV_STATS_INC(dev, rx_errors);
}

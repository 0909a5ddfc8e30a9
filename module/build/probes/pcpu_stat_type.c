// SPDX-License-Identifier: GPL-2.0
/* the core allocates the per-CPU statistics (6.7, and stable trees) */
#include <linux/netdevice.h>

void probe(struct net_device *dev)
{
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
}

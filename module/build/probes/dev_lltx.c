// SPDX-License-Identifier: GPL-2.0
/* lockless transmit is a bit of the device and no feature (6.12) */
#include <linux/netdevice.h>

void probe(struct net_device *dev)
{
	dev->lltx = true;
}

// SPDX-License-Identifier: GPL-2.0
/* dev_set_threaded(): NAPI in threads (5.12) */
#include <linux/netdevice.h>

int probe(struct net_device *dev)
{
	return dev_set_threaded(dev, true);
}

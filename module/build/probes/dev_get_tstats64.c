// SPDX-License-Identifier: GPL-2.0
/* dev_get_tstats64() reads the per-CPU statistics (5.11) */
#include <linux/netdevice.h>

struct net_device_ops probe = { .ndo_get_stats64 = dev_get_tstats64 };

// SPDX-License-Identifier: GPL-2.0
/* What `ethtool -i` and `ethtool -S` show of an interface. */
#include "probes.h"
#include <linux/ethtool.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include "netdev.h"
#include "wg.h"

static void wg_get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	snprintf(info->driver, sizeof(info->driver), "%s", KBUILD_MODNAME);
	snprintf(info->version, sizeof(info->version), "%s", WG_VERSION);
}

static int wg_get_sset_count(struct net_device *dev, int set)
{
	return set == ETH_SS_STATS ? (int)wg_rs_counter_count() : -EOPNOTSUPP;
}

static void wg_get_strings(struct net_device *dev, u32 set, u8 *names)
{
	BUILD_BUG_ON(WG_COUNTER_NAME_LEN != ETH_GSTRING_LEN);
	if (set == ETH_SS_STATS)
		wg_rs_counter_names(names);
}

static void wg_get_ethtool_stats(struct net_device *dev, struct ethtool_stats *stats, u64 *values)
{
	struct wg_priv *priv = netdev_priv(dev);

	wg_rs_counters(priv->device, values);
}

const struct ethtool_ops wg_ethtool_ops = {
	.get_drvinfo = wg_get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_sset_count = wg_get_sset_count,
	.get_strings = wg_get_strings,
	.get_ethtool_stats = wg_get_ethtool_stats,
};

/* SPDX-License-Identifier: GPL-2.0 */
/* What the C files tell each other; Rust does not see it. */
#ifndef WG_NETDEV_H
#define WG_NETDEV_H

#include <linux/types.h>

#define WG_VERSION "1.0.0"

struct net_device;
struct ethtool_ops;

extern const struct ethtool_ops wg_ethtool_ops;

int wg_netdev_register(void);
void wg_netdev_unregister(void);
bool wg_is_ours(const struct net_device *dev);
int wg_notify_register(void);
void wg_notify_unregister(void);
int wg_genl_register(void);
void wg_genl_unregister(void);

#endif

// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family: policy and operation tables, which the kernel itself reads, and the
 * trampolines to Rust, which reads the same bytes once more, to the end, before anything changes.
 */
#include "probes.h"
#include <linux/capability.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/socket.h>
#include <linux/time64.h>
#include <net/genetlink.h>
#include <net/netlink.h>
#include <net/sock.h>
#include "netdev.h"
#include "wg.h"

/* Numbers of the user interface, fixed for ever (reference: the uapi header linux/wireguard.h). */
enum { WG_CMD_GET_DEVICE, WG_CMD_SET_DEVICE };

enum {
	WGDEVICE_IFINDEX = 1,
	WGDEVICE_IFNAME,
	WGDEVICE_PRIVATE_KEY,
	WGDEVICE_PUBLIC_KEY,
	WGDEVICE_FLAGS,
	WGDEVICE_LISTEN_PORT,
	WGDEVICE_FWMARK,
	WGDEVICE_PEERS,
	WGDEVICE_MAX = WGDEVICE_PEERS
};

enum {
	WGPEER_PUBLIC_KEY = 1,
	WGPEER_PRESHARED_KEY,
	WGPEER_FLAGS,
	WGPEER_ENDPOINT,
	WGPEER_KEEPALIVE,
	WGPEER_LAST_HANDSHAKE,
	WGPEER_RX_BYTES,
	WGPEER_TX_BYTES,
	WGPEER_ALLOWEDIPS,
	WGPEER_PROTOCOL_VERSION,
	WGPEER_MAX = WGPEER_PROTOCOL_VERSION
};

enum {
	WGALLOWEDIP_FAMILY = 1,
	WGALLOWEDIP_IPADDR,
	WGALLOWEDIP_CIDR,
	WGALLOWEDIP_FLAGS,
	WGALLOWEDIP_MAX = WGALLOWEDIP_FLAGS
};

#define WG_KEY_LEN 32

/* Kernels that cannot express a rule in a policy leave it to the Rust side, which has them all. */
#ifdef NLA_POLICY_EXACT_LEN
#define WG_EXACT(length) NLA_POLICY_EXACT_LEN(length)
#else
#define WG_EXACT(length) { .type = NLA_EXACT_LEN, .len = (length) }
#endif
#ifdef NLA_POLICY_MIN_LEN
#define WG_AT_LEAST(length) NLA_POLICY_MIN_LEN(length)
#else
#define WG_AT_LEAST(length) { .type = NLA_MIN_LEN, .len = (length) }
#endif
#ifdef NLA_POLICY_MASK
#define WG_FLAGS(mask) NLA_POLICY_MASK(NLA_U32, mask)
#else
#define WG_FLAGS(mask) { .type = NLA_U32 }
#endif

static const struct nla_policy wg_allowedip_policy[WGALLOWEDIP_MAX + 1] = {
	[WGALLOWEDIP_FAMILY] = { .type = NLA_U16 },
	[WGALLOWEDIP_IPADDR] = WG_AT_LEAST(sizeof(struct in_addr)),
	[WGALLOWEDIP_CIDR] = { .type = NLA_U8 },
	[WGALLOWEDIP_FLAGS] = WG_FLAGS(0x1),
};

static const struct nla_policy wg_peer_policy[WGPEER_MAX + 1] = {
	[WGPEER_PUBLIC_KEY] = WG_EXACT(WG_KEY_LEN),
	[WGPEER_PRESHARED_KEY] = WG_EXACT(WG_KEY_LEN),
	[WGPEER_FLAGS] = WG_FLAGS(0x7),
	[WGPEER_ENDPOINT] = WG_AT_LEAST(sizeof(struct sockaddr)),
	[WGPEER_KEEPALIVE] = { .type = NLA_U16 },
	[WGPEER_LAST_HANDSHAKE] = WG_EXACT(sizeof(struct __kernel_timespec)),
	[WGPEER_RX_BYTES] = { .type = NLA_U64 },
	[WGPEER_TX_BYTES] = { .type = NLA_U64 },
	[WGPEER_ALLOWEDIPS] = NLA_POLICY_NESTED_ARRAY(wg_allowedip_policy),
	[WGPEER_PROTOCOL_VERSION] = { .type = NLA_U32 },
};

static const struct nla_policy wg_device_policy[WGDEVICE_MAX + 1] = {
	[WGDEVICE_IFINDEX] = { .type = NLA_U32 },
	[WGDEVICE_IFNAME] = { .type = NLA_NUL_STRING, .len = IFNAMSIZ - 1 },
	[WGDEVICE_PRIVATE_KEY] = WG_EXACT(WG_KEY_LEN),
	[WGDEVICE_PUBLIC_KEY] = WG_EXACT(WG_KEY_LEN),
	[WGDEVICE_FLAGS] = WG_FLAGS(0x1),
	[WGDEVICE_LISTEN_PORT] = { .type = NLA_U16 },
	[WGDEVICE_FWMARK] = { .type = NLA_U32 },
	[WGDEVICE_PEERS] = NLA_POLICY_NESTED_ARRAY(wg_peer_policy),
};

static struct genl_family wg_family;

/* The interface that a request names, with a reference; NULL and *err if there is none of ours. */
struct net_device *wg_genl_device(struct net *net, u32 ifindex, const u8 *name, int *err)
{
	struct net_device *dev;

	dev = name ? dev_get_by_name(net, (const char *)name) : dev_get_by_index(net, ifindex);
	if (!dev) {
		*err = -ENODEV;
		return NULL;
	}
	if (!wg_is_ours(dev)) {
		dev_put(dev);
		*err = -EOPNOTSUPP;
		return NULL;
	}
	return dev;
}

void wg_dev_put(struct net_device *dev)
{
	dev_put(dev);
}

/* Port and mark act in the namespace of the sockets, so its owner must agree. */
bool wg_may_change_sockets(struct wg_priv *priv)
{
	struct net *net;
	bool may;

	rcu_read_lock();
	net = rcu_dereference(priv->creating_net);
	may = net && ns_capable(net->user_ns, CAP_NET_ADMIN);
	rcu_read_unlock();
	return may;
}

static void wg_genl_blame(struct netlink_ext_ack *extack, const u8 *attrs, u32 len,
			  const struct wg_genl_error *error)
{
	if (!extack)
		return;
	if (error->msg)
		extack->_msg = error->msg;
	if (error->offset < len)
		extack->bad_attr = (const struct nlattr *)(attrs + error->offset);
}

static int wg_genl_set(struct sk_buff *skb, struct genl_info *info)
{
	struct wg_genl_error error = { .offset = U32_MAX };
	u8 *attrs = (u8 *)nlmsg_attrdata(info->nlhdr, GENL_HDRLEN);
	u32 len = nlmsg_attrlen(info->nlhdr, GENL_HDRLEN);
	int err;

	rtnl_lock();
	err = wg_rs_genl_set(genl_info_net(info), attrs, len, &error);
	rtnl_unlock();
	if (err)
		wg_genl_blame(info->extack, attrs, len, &error);
	return err;
}

static int wg_genl_dump_start(struct netlink_callback *cb)
{
	struct wg_genl_error error = { .offset = U32_MAX };
	const u8 *attrs = (const u8 *)nlmsg_attrdata(cb->nlh, GENL_HDRLEN);
	u32 len = nlmsg_attrlen(cb->nlh, GENL_HDRLEN);
	struct net_device *dev = NULL;
	int err;

	err = wg_rs_genl_dump_start(sock_net(cb->skb->sk), attrs, len, &dev, &error);
	if (err) {
		wg_genl_blame(cb->extack, attrs, len, &error);
		return err;
	}
	memset(cb->args, 0, sizeof(cb->args));
	cb->args[0] = (long)dev;
	return 0;
}

static int wg_genl_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct net_device *dev = (struct net_device *)cb->args[0];
	u64 cursor[4];
	u32 used = 0, seq = 0;
	void *hdr;
	int i, ret;

	BUILD_BUG_ON(sizeof(cb->args) < (1 + ARRAY_SIZE(cursor)) * sizeof(u64));
	hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &wg_family,
			  NLM_F_MULTI, WG_CMD_GET_DEVICE);
	if (!hdr)
		return -EMSGSIZE;

	for (i = 0; i < ARRAY_SIZE(cursor); i++)
		cursor[i] = cb->args[i + 1];
	rtnl_lock();
	/* An interface that is going away meanwhile has nothing more to tell. */
	ret = -ENODEV;
	if (dev->reg_state == NETREG_REGISTERED)
		ret = wg_rs_genl_dump(((struct wg_priv *)netdev_priv(dev))->device,
				      skb_tail_pointer(skb), skb_tailroom(skb), cursor, &used,
				      &seq);
	rtnl_unlock();
	if (ret < 0) {
		genlmsg_cancel(skb, hdr);
		return ret;
	}
	for (i = 0; i < ARRAY_SIZE(cursor); i++)
		cb->args[i + 1] = cursor[i];
	__skb_put(skb, used);
	genlmsg_end(skb, hdr);
	cb->seq = seq;
	genl_dump_check_consistent(cb, hdr);
	return ret ? skb->len : 0;
}

static int wg_genl_dump_done(struct netlink_callback *cb)
{
	struct net_device *dev = (struct net_device *)cb->args[0];

	if (dev)
		dev_put(dev);
	return 0;
}

static const struct genl_ops wg_genl_ops[] = {
	{
		.cmd = WG_CMD_GET_DEVICE,
		.start = wg_genl_dump_start,
		.dumpit = wg_genl_dump,
		.done = wg_genl_dump_done,
		.flags = GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd = WG_CMD_SET_DEVICE,
		.doit = wg_genl_set,
		.flags = GENL_UNS_ADMIN_PERM,
	},
};

static struct genl_family wg_family __ro_after_init = {
	.name = KBUILD_MODNAME,
	.version = 1,
	.maxattr = WGDEVICE_MAX,
	.policy = wg_device_policy,
	.netnsok = true,
	.module = THIS_MODULE,
	.ops = wg_genl_ops,
	.n_ops = ARRAY_SIZE(wg_genl_ops),
#if WG_HAVE_GENL_RESV_START_OP
	.resv_start_op = WG_CMD_SET_DEVICE + 1,
#endif
};

int __init wg_genl_register(void)
{
	return genl_register_family(&wg_family);
}

void wg_genl_unregister(void)
{
	genl_unregister_family(&wg_family);
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The border between C and Rust. `wg_*` are C functions that Rust calls, each a whole step and not
 * a field; `wg_rs_*` are Rust functions that C calls. bindgen reads this header through bindings.h.
 */
#ifndef WG_H
#define WG_H

#include <linux/types.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/workqueue.h>
#include <linux/mutex.h>
#include <net/dst_cache.h>
#include <net/genetlink.h>

struct sock;
struct net;

/* Bytes before the ciphertext of a data message: type, receiver, counter (protocol, message.rs). */
#define WG_DATA_HEADER 16
#define WG_TAG 16
/* Room that a sealed packet needs in front: data header, IPv6, UDP and the link layer. */
#define WG_HEADROOM ALIGN(WG_DATA_HEADER + 40 + 8 + NET_SKB_PAD, 4)

/* Where a peer is reached, and from which of our addresses. `src` is zero when free to choose. */
struct wg_endpoint {
	union {
		struct sockaddr addr;
		struct sockaddr_in addr4;
		struct sockaddr_in6 addr6;
	};
	union {
		struct {
			struct in_addr src4;
			int src_if4;
		};
		struct in6_addr src6;
	};
};

/* The C side of one wg interface: lives in netdev_priv(). */
struct wg_priv {
	void *device;			/* Rust's Arc<Device>; NULL before newlink and after destruct */
	struct net_device *dev;
	struct net __rcu *creating_net;	/* where the sockets live; NULL once that namespace ended */
	struct sock __rcu *sock4;
	struct sock __rcu *sock6;
	struct mutex socket_lock;	/* serialises opening and closing the sockets */
	u32 fwmark;
	u16 port;			/* host order; kept while the sockets are closed */
	struct list_head list;		/* all devices, under rtnl */
};

/* A piece of packet memory. */
struct wg_seg {
	u8 *ptr;
	size_t len;
};

/* What the transmit path must know of an inner packet. */
struct wg_inner {
	u8 version;			/* 4 or 6 */
	u8 addr[16];			/* destination on the way out, source on the way in */
};

/* What we note in skb->cb while a packet is ours. */
struct wg_cb {
	u64 counter;
	u32 mtu;			/* of the path, for the padding */
	u32 receiver;			/* index in a received data header */
	u32 peer;			/* of a received packet: the peer's slot */
	u8 ds;				/* outer TOS */
	u8 data;			/* the packet carries data: it is no keepalive */
};

#define WG_CB(skb) ((struct wg_cb *)(skb)->cb)

/* One packet between the preparation of its buffers and the end of its cryptography. */
struct wg_job {
	struct sk_buff *src;		/* NULL when the work is done in place */
	struct sk_buff *dst;
	u8 *header;			/* seal: where the data header goes */
	u32 nsrc;
	u32 ndst;
};

/* Verdict on an opened packet. */
enum wg_rx_status {
	WG_RX_OK = 0,
	WG_RX_BAD_LENGTH,
	WG_RX_BAD_TYPE,
};

/* Why a packet ends, for the kernel's own drop reasons. */
enum wg_why {
	WG_WHY_NOT_SPECIFIED,
	WG_WHY_MALFORMED,
	WG_WHY_QUEUE_FULL,
	WG_WHY_NO_MEMORY,
	WG_WHY_NOT_READY,
	WG_WHY_INNER_HEADER,
	WG_WHY_UNALLOWED_SOURCE,
	WG_WHY_NO_ROUTE,
	WG_WHY_CONSUMED,		/* no drop: the packet did what it was for */
};

/* Room for a counter's name: ETH_GSTRING_LEN. */
#define WG_COUNTER_NAME_LEN 32

/* lock classes, one per lock of the driver (lockdep) */
enum wg_lock_class {
	WG_LOCK_STAGED,
	WG_LOCK_LANE,
	WG_LOCK_CPU_QUEUE,
	WG_LOCK_ARRIVED,
	WG_LOCK_SCRATCH,
	WG_LOCK_HANDSHAKE,
	WG_LOCK_COOKIE,
	WG_LOCK_KEYPAIRS,
	WG_LOCK_REPLAY,
	WG_LOCK_ENDPOINT,
	WG_LOCK_TIMERS,
	WG_LOCK_IDENTITY,
	WG_LOCK_TABLE,
	WG_LOCK_KEX_QUEUE,
	WG_LOCK_STATICS,
	WG_LOCK_LIMITER,
	WG_LOCK_CLASSES
};

/* sync.c */
void wg_spin_init(spinlock_t *lock, u32 class_id);
void wg_spin_lock_bh(spinlock_t *lock);
void wg_spin_unlock_bh(spinlock_t *lock);
void wg_rcu_read_lock(void);
void wg_rcu_read_unlock(void);
void wg_call_rcu(struct rcu_head *head, rcu_callback_t func);
void wg_synchronize_net(void);
void wg_rcu_barrier(void);
void wg_rtnl_lock(void);
void wg_rtnl_unlock(void);
void wg_bh_disable(void);
void wg_bh_enable(void);
bool wg_at_once_begin(void);
void wg_at_once_end(void);
void wg_cond_resched(void);
u32 wg_nr_cpus(void);
u32 wg_online_cpus(void);
u32 wg_this_cpu(void);
u32 wg_next_online_cpu(u32 after);

/* work.c */
struct workqueue_struct *wg_workqueue_crypt(const char *name);
struct workqueue_struct *wg_workqueue_kex(const char *name);
void wg_workqueue_destroy(struct workqueue_struct *wq);
void wg_workqueue_flush(struct workqueue_struct *wq);
void wg_work_init(struct work_struct *work, work_func_t func);
bool wg_work_queue_on(u32 cpu, struct workqueue_struct *wq, struct work_struct *work);
bool wg_work_queue(struct workqueue_struct *wq, struct work_struct *work);
void wg_timer_init(struct timer_list *timer, void (*func)(struct timer_list *));
bool wg_timer_arm(struct timer_list *timer, u64 delay_ns);
bool wg_timer_cancel_sync(struct timer_list *timer);
u64 wg_jiffies_ns(void);
u64 wg_boottime_ns(void);
void wg_realtime(u64 *secs, u32 *nanos);
bool wg_random_ready(void);
void wg_random_bytes(u8 *buf, size_t len);
u64 wg_siphash(const u8 key[16], const u8 *data, size_t len);

/* fpu.c */
bool wg_cpu_adx(void);
bool wg_fpu_usable(void);
void wg_fpu_begin(void);
void wg_fpu_end(void);
u32 wg_cpu_levels(void);
const char *wg_simd_limit(void);

/* netdev.c */
struct wg_napi;
typedef int (*wg_poll_func)(struct wg_napi *napi, void *ctx, int budget);
struct wg_napi *wg_napi_new(struct net_device *dev, void *ctx, wg_poll_func poll);
void wg_napi_disable(struct wg_napi *napi);
void wg_napi_free(struct wg_napi *napi);
void wg_napi_synchronize(struct wg_napi *napi);
void wg_napi_schedule(struct wg_napi *napi);
void wg_napi_complete(struct wg_napi *napi, u32 done);
void wg_napi_receive(struct wg_napi *napi, struct sk_buff *skb);
void wg_stats_rx(struct net_device *dev, u32 packets, u64 bytes);
u64 wg_net_id(const struct net_device *dev);
u64 wg_memory_bytes(void);
void wg_for_each_device(void (*f)(void *device));

/* skb.c */
bool wg_tx_inner(const struct sk_buff *skb, struct wg_inner *inner);
void wg_tx_unreachable(struct sk_buff *skb, u8 version);
struct sk_buff *wg_tx_segment(struct sk_buff *skb, const struct net_device *dev, u32 *lost);
int wg_seal_prepare(struct sk_buff *skb, u32 pad, struct wg_seg *src, struct wg_seg *dst, u32 max,
		    struct wg_job *job);
void wg_seal_finish(struct wg_job *job, struct net_device *dev);
struct sk_buff *wg_keepalive_new(struct net_device *dev);
bool wg_skb_same_outer(const struct sk_buff *a, const struct sk_buff *b);
void wg_skb_endpoint(const struct sk_buff *skb, struct wg_endpoint *ep);
int wg_open_prepare(struct sk_buff *skb, struct wg_seg *src, struct wg_seg *dst, u32 max,
		    struct wg_job *job);
void wg_open_finish(struct wg_job *job);
u32 wg_rx_finish(struct sk_buff *skb, struct net_device *dev, struct wg_inner *inner);
int wg_skb_bytes(struct sk_buff *skb, const u8 **data, u32 *len);
void wg_skb_free(struct sk_buff *skb, u32 why);
void wg_chain_free(struct sk_buff *head, u32 why);
void wg_skb_orphan(struct sk_buff *skb);

/* socket.c */
int wg_sockets_open(struct wg_priv *priv, u16 port);
void wg_sockets_close(struct wg_priv *priv);
u32 wg_send_run(struct wg_priv *priv, struct wg_endpoint *ep, struct dst_cache *cache,
		struct sk_buff *head, bool *src_cleared, u64 *bytes);
int wg_send_buffer(struct wg_priv *priv, struct wg_endpoint *ep, struct dst_cache *cache,
		   const u8 *buf, u32 len, u8 ds, bool *src_cleared);
int wg_send_reply(struct wg_priv *priv, const struct sk_buff *to, const u8 *buf, u32 len);
int wg_dst_cache_init(struct dst_cache *cache);
void wg_dst_cache_reset(struct dst_cache *cache);
void wg_dst_cache_reset_now(struct dst_cache *cache);
void wg_dst_cache_destroy(struct dst_cache *cache);
struct wg_priv *wg_priv_of(const struct net_device *dev);

/* genl.c */
bool wg_may_change_sockets(struct wg_priv *priv);
struct net_device *wg_genl_device(struct net *net, u32 ifindex, const u8 *name, int *err);
void wg_dev_put(struct net_device *dev);

/* main.c, with WG_PLANT alone */
const char *wg_plant(void);

/* Where and why a request was refused, for the extended acknowledgement. */
struct wg_genl_error {
	const char *msg;		/* static, or NULL */
	u32 offset;			/* of the bad attribute; U32_MAX: none */
};

/* Called by C, written in Rust. */
int wg_rs_init(void);
void wg_rs_exit(void);
int wg_rs_newlink(struct net_device *dev, void **device);
void wg_rs_destroy(void *device);
int wg_rs_open(void *device);
void wg_rs_stop(void *device);
void wg_rs_net_exit(void *device);
void wg_rs_end_sessions(void *device);
void wg_rs_expire_sessions(void *device);
int wg_rs_xmit(void *device, struct sk_buff *skb);
void wg_rs_receive(void *device, struct sk_buff *skb, int err);
u32 wg_rs_counter_count(void);
void wg_rs_counter_names(u8 *names);
void wg_rs_counters(void *device, u64 *values);
void wg_rs_statistics(void *device, struct rtnl_link_stats64 *stats);
int wg_rs_genl_set(struct net *net, u8 *attrs, u32 len, struct wg_genl_error *error);
int wg_rs_genl_dump_start(struct net *net, const u8 *attrs, u32 len, struct net_device **dev,
			  struct wg_genl_error *error);
int wg_rs_genl_dump(void *device, u8 *buf, u32 len, u64 cursor[4], u32 *used, u32 *seq);

/* Dynamic-debug lines of the driver: the format strings stay in C. debug.c */
void wg_dbg_peer_created(struct net_device *dev, u64 peer);
void wg_dbg_peer_destroyed(struct net_device *dev, u64 peer, const struct wg_endpoint *ep);
void wg_dbg_keypair_created(struct net_device *dev, u64 keypair, u64 peer);
void wg_dbg_keypair_destroyed(struct net_device *dev, u64 keypair, u64 peer);
void wg_dbg_bad_mac(struct net_device *dev, const struct sk_buff *skb);
void wg_dbg_handshake(struct net_device *dev, u64 peer, const struct wg_endpoint *ep, u32 what);

enum wg_dbg_what {
	WG_DBG_SEND_INITIATION,
	WG_DBG_SEND_RESPONSE,
	WG_DBG_SEND_KEEPALIVE,
	WG_DBG_SEND_COOKIE,
	WG_DBG_RECV_INITIATION,
	WG_DBG_RECV_RESPONSE,
	WG_DBG_RECV_COOKIE,
	WG_DBG_RECV_KEEPALIVE,
	WG_DBG_BAD_HANDSHAKE,
	WG_DBG_RETRY,
	WG_DBG_GIVE_UP,
	WG_DBG_STOPPED_HEARING,
	WG_DBG_ZERO_KEYS,
	WG_DBG_UNALLOWED_SRC,
	WG_DBG_REPLAY,
	WG_DBG_COUNT
};

#endif

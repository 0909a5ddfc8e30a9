// SPDX-License-Identifier: GPL-2.0
/* Entry and exit of the module, and what modinfo says of it. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include "probes.h"
#include "buildinfo.h"
#include <linux/init.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <net/genetlink.h>
#include <net/rtnetlink.h>
#include "netdev.h"
#include "wg.h"

static char *wg_simd = "auto";
module_param_named(simd, wg_simd, charp, 0444);
MODULE_PARM_DESC(simd, "highest vector code to use: auto (default), avx512, avx2, ssse3, none");

const char *wg_simd_limit(void)
{
	return wg_simd;
}

#ifdef WG_PLANT
static char *wg_planted = "none";
module_param_named(plant, wg_planted, charp, 0444);
MODULE_PARM_DESC(plant, "fault to commit at load, for a kernel that looks for it (kapi/plant.rs)");

const char *wg_plant(void)
{
	return wg_planted;
}
#endif

static int __init wg_mod_init(void)
{
	int err = wg_rs_init();

	if (err)
		return err;
	err = wg_netdev_register();
	if (err == -EEXIST) {
		pr_err("another WireGuard is built into this kernel or loaded: not taking its place\n");
		goto rust;
	}
	if (err)
		goto rust;
	err = wg_genl_register();
	if (err) {
		pr_err("cannot register the generic netlink family (%d): is another WireGuard there?\n",
		       err);
		goto netdev;
	}
	err = wg_notify_register();
	if (err)
		goto genl;
	pr_info("WireGuard " WG_VERSION " loaded. See www.wireguard.com for information.\n");
	return 0;

genl:
	wg_genl_unregister();
netdev:
	wg_netdev_unregister();
rust:
	wg_rs_exit();
	return err;
}

static void __exit wg_mod_exit(void)
{
	wg_notify_unregister();
	wg_genl_unregister();
	wg_netdev_unregister();
	/* Callbacks run code of this module. */
	rcu_barrier();
	wg_rs_exit();
}

module_init(wg_mod_init);
module_exit(wg_mod_exit);

MODULE_LICENSE("GPL v2");
MODULE_DESCRIPTION("WireGuard secure network tunnel, in Rust");
MODULE_AUTHOR("The wireguard-rs maintainers");
/* Above the version of the kernel's own module: DKMS installs nothing else in its place. */
MODULE_VERSION(WG_VERSION "-rust" WG_BUILD_VERSION);
MODULE_ALIAS_RTNL_LINK(KBUILD_MODNAME);
MODULE_ALIAS_GENL_FAMILY(KBUILD_MODNAME);
MODULE_INFO(implementation, "rust");
MODULE_INFO(world, WG_BUILD_WORLD);
MODULE_INFO(rustc, WG_BUILD_RUSTC);
MODULE_INFO(probes, WG_BUILD_PROBES);
MODULE_INFO(revision, WG_BUILD_REVISION);

// SPDX-License-Identifier: GPL-2.0
/*
 * The C functions under the stand-in crate (kernel/src/helpers.rs declares them for Rust). Each one
 * is here because what it wraps is an inline function, a macro, or differs between kernels.
 */
#include <linux/bug.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/slab.h>

void *rust_kernel_kmalloc(size_t size, u32 flags);
void rust_kernel_kfree(void *ptr);
void *rust_kernel_kvmalloc(size_t size, u32 flags);
void rust_kernel_kvfree(void *ptr);
void rust_kernel_printk(int level, const char *module, int module_len, const char *text, int len);
void rust_kernel_refcount_warn(void);

/* The bits of `Flags` (kernel/src/alloc/flags.rs), which the compiler of Rust must know as constants. */
enum {
	RUST_GFP_ATOMIC = 1 << 0,
	RUST_GFP_KERNEL = 1 << 1,
	RUST_GFP_NOWARN = 1 << 2,
};

static inline gfp_t to_gfp(u32 flags)
{
	gfp_t gfp = 0;

	if (flags & RUST_GFP_ATOMIC)
		gfp |= GFP_ATOMIC;
	if (flags & RUST_GFP_KERNEL)
		gfp |= GFP_KERNEL;
	if (flags & RUST_GFP_NOWARN)
		gfp |= __GFP_NOWARN;
	return gfp;
}

void *rust_kernel_kmalloc(size_t size, u32 flags)
{
	return kmalloc(size, to_gfp(flags));
}

void rust_kernel_kfree(void *ptr)
{
	kfree(ptr);
}

void *rust_kernel_kvmalloc(size_t size, u32 flags)
{
	return kvmalloc(size, to_gfp(flags));
}

void rust_kernel_kvfree(void *ptr)
{
	kvfree(ptr);
}

#define PRINT(kern) printk(kern "%.*s: %.*s", module_len, module, len, text)

void rust_kernel_printk(int level, const char *module, int module_len, const char *text, int len)
{
	switch (level) {
	case 0:
		PRINT(KERN_EMERG);
		break;
	case 3:
		PRINT(KERN_ERR);
		break;
	default:
		PRINT(KERN_INFO);
		break;
	}
}

void rust_kernel_refcount_warn(void)
{
	WARN_ONCE(1, KBUILD_MODNAME ": reference count saturated; leaking memory\n");
}

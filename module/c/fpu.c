// SPDX-License-Identifier: GPL-2.0
/*
 * FPU sections, and what the processor has. Bottom halves go off first on every kernel: a softirq
 * that ran inside a section could want the FPU itself and would find it taken.
 */
#include <linux/bottom_half.h>
#include <linux/bug.h>
#include <linux/kernel.h>
#include <linux/percpu.h>
#if defined(CONFIG_X86_64)
#include <asm/cpufeature.h>
#endif
#if defined(CONFIG_X86_64) && !defined(CONFIG_UML)
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>
#endif
#include "wg.h"

#ifdef WG_DEBUG
static DEFINE_PER_CPU(int, wg_fpu_depth);
#define WG_FPU_ENTER() WARN_ON_ONCE(this_cpu_inc_return(wg_fpu_depth) != 1)
#define WG_FPU_LEAVE() WARN_ON_ONCE(this_cpu_dec_return(wg_fpu_depth) != 0)
#else
#define WG_FPU_ENTER() do { } while (0)
#define WG_FPU_LEAVE() do { } while (0)
#endif

#if defined(CONFIG_UML) && defined(CONFIG_X86_64)
/* A process like any other: the host saves its registers. */
#define wg_arch_fpu_usable() true
#define wg_arch_fpu_begin() do { } while (0)
#define wg_arch_fpu_end() do { } while (0)

static void wg_cpuid(u32 leaf, u32 *ebx, u32 *ecx)
{
	u32 eax = leaf, edx;

	*ecx = 0;
	asm volatile("cpuid" : "+a"(eax), "=b"(*ebx), "+c"(*ecx), "=d"(edx));
}

/* User-Mode Linux knows no processor features: asked as a process asks. */
u32 wg_cpu_levels(void)
{
	u32 ebx, ecx, leaf1, xcr0 = 0, high;

	wg_cpuid(1, &ebx, &leaf1);
	if (!(leaf1 & BIT(9)))				/* SSSE3 */
		return 0;
	if (leaf1 & BIT(27))				/* OSXSAVE */
		asm volatile("xgetbv" : "=a"(xcr0), "=d"(high) : "c"(0));
	wg_cpuid(7, &ebx, &ecx);
	if ((xcr0 & 0x6) != 0x6 || !(ebx & BIT(5)) || !(ebx & BIT(8)))	/* AVX2, BMI2 */
		return 1;
	if ((xcr0 & 0xe6) != 0xe6 || !(ebx & BIT(16)) || !(ebx & BIT(21)) ||	/* F, IFMA */
	    !(ebx & BIT(30)) || !(ebx & BIT(31)))	/* BW, VL */
		return 2;
	return 3;
}

/* What has ADX has AVX2, and the leaf that says so. */
bool wg_cpu_adx(void)
{
	u32 ebx, ecx;

	if (wg_cpu_levels() < 2)
		return false;
	wg_cpuid(7, &ebx, &ecx);
	return (ebx & BIT(8)) && (ebx & BIT(19));	/* BMI2, ADX */
}
#elif defined(CONFIG_X86_64)
#define wg_arch_fpu_usable() irq_fpu_usable()
#define wg_arch_fpu_begin() kernel_fpu_begin()
#define wg_arch_fpu_end() kernel_fpu_end()

/* How many of the levels ssse3, avx2, avx512, in this order, processor and kernel have. */
u32 wg_cpu_levels(void)
{
	if (!boot_cpu_has(X86_FEATURE_SSSE3))
		return 0;
	if (!boot_cpu_has(X86_FEATURE_AVX) || !boot_cpu_has(X86_FEATURE_AVX2) ||
	    !boot_cpu_has(X86_FEATURE_BMI2) ||
	    !cpu_has_xfeatures(XFEATURE_MASK_SSE | XFEATURE_MASK_YMM, NULL))
		return 1;
	/* Processors with these multipliers no longer slow down for 512-bit vectors. */
	if (!boot_cpu_has(X86_FEATURE_AVX512F) || !boot_cpu_has(X86_FEATURE_AVX512VL) ||
	    !boot_cpu_has(X86_FEATURE_AVX512BW) || !boot_cpu_has(X86_FEATURE_AVX512IFMA) ||
	    !cpu_has_xfeatures(XFEATURE_MASK_SSE | XFEATURE_MASK_YMM | XFEATURE_MASK_AVX512, NULL))
		return 2;
	return 3;
}

/* What crypto/adx needs. It uses general registers alone: whatever the kernel saves will do. */
bool wg_cpu_adx(void)
{
	return boot_cpu_has(X86_FEATURE_BMI2) && boot_cpu_has(X86_FEATURE_ADX);
}
#else
#define wg_arch_fpu_usable() false
#define wg_arch_fpu_begin() do { } while (0)
#define wg_arch_fpu_end() do { } while (0)

u32 wg_cpu_levels(void)
{
	return 0;
}

bool wg_cpu_adx(void)
{
	return false;
}
#endif

bool wg_fpu_usable(void)
{
	return wg_arch_fpu_usable();
}

void wg_fpu_begin(void)
{
	local_bh_disable();
	wg_arch_fpu_begin();
	WG_FPU_ENTER();
}

void wg_fpu_end(void)
{
	WG_FPU_LEAVE();
	wg_arch_fpu_end();
	local_bh_enable();
}

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_MINMAX_H
#define SHIM_MINMAX_H

/* As strict as the oldest kernel: both sides have the same type. */
#define min(a, b) __extension__({					\
	__typeof__(a) min_a = (a);					\
	__typeof__(b) min_b = (b);					\
									\
	(void)(&min_a == &min_b);					\
	min_a < min_b ? min_a : min_b;					\
})

#define max(a, b) __extension__({					\
	__typeof__(a) max_a = (a);					\
	__typeof__(b) max_b = (b);					\
									\
	(void)(&max_a == &max_b);					\
	max_a > max_b ? max_a : max_b;					\
})

#define min_t(type, a, b)	min((type)(a), (type)(b))
#define max_t(type, a, b)	max((type)(a), (type)(b))

#endif

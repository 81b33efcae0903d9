/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lists that check themselves: a second list_del() ends the test. As the kernel's, they may be
 * found empty without the lock.
 */
#ifndef SHIM_LIST_H
#define SHIM_LIST_H

#include <linux/compiler.h>
#include <linux/types.h>

#define LIST_HEAD(name) struct list_head name = { &(name), &(name) }

static inline void INIT_LIST_HEAD(struct list_head *head)
{
	WRITE_ONCE(head->next, head);
	head->prev = head;
}

static inline bool list_empty(const struct list_head *head)
{
	return READ_ONCE(head->next) == head;
}

static inline void shim_list_link(struct list_head *prev, struct list_head *next)
{
	WRITE_ONCE(prev->next, next);
	next->prev = prev;
}

static inline void list_add(struct list_head *entry, struct list_head *head)
{
	shim_list_link(entry, head->next);
	shim_list_link(head, entry);
}

static inline void list_add_tail(struct list_head *entry, struct list_head *head)
{
	shim_list_link(head->prev, entry);
	shim_list_link(entry, head);
}

static inline void list_del(struct list_head *entry)
{
	shim_check(entry->next && entry->prev, "list_del() of what is on no list");
	shim_check(entry->next->prev == entry && entry->prev->next == entry,
		   "list_del() on a torn list");
	shim_list_link(entry->prev, entry->next);
	entry->next = NULL;
	entry->prev = NULL;
}

static inline void list_move(struct list_head *entry, struct list_head *head)
{
	list_del(entry);
	list_add(entry, head);
}

static inline void list_move_tail(struct list_head *entry,
				  struct list_head *head)
{
	list_del(entry);
	list_add_tail(entry, head);
}

static inline void list_splice_tail_init(struct list_head *from,
					 struct list_head *to)
{
	if (list_empty(from))
		return;
	shim_list_link(to->prev, from->next);
	shim_list_link(from->prev, to);
	INIT_LIST_HEAD(from);
}

#define list_entry(ptr, type, member) \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))

static inline struct list_head *shim_list_first(const struct list_head *head)
{
	shim_check(!list_empty(head), "list_first_entry() of an empty list");
	return head->next;
}

#define list_first_entry(head, type, member) \
	list_entry(shim_list_first(head), type, member)

#define list_first_entry_or_null(head, type, member) \
	(list_empty(head) ? NULL : list_entry((head)->next, type, member))

#define list_for_each_entry(pos, head, member)				\
	for (pos = list_entry((head)->next, __typeof__(*pos), member);	\
	     &pos->member != (head);					\
	     pos = list_entry(pos->member.next, __typeof__(*pos), member))

/* The entry at @pos may be removed in the loop. */
#define list_for_each_entry_safe(pos, n, head, member)			\
	for (pos = list_entry((head)->next, __typeof__(*pos), member),	\
	     n = list_entry(pos->member.next, __typeof__(*pos), member);	\
	     &pos->member != (head);					\
	     pos = n, n = list_entry(n->member.next, __typeof__(*n), member))

#endif

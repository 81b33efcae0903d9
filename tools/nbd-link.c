// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel is told of network block devices; see nbd-link.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/nbd-netlink.h>
#include <linux/nbd.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"
#include "nbd-link.h"

#define REQUEST_S	30ULL		/* a server that has not answered for so long is gone */

struct request {
	struct nlmsghdr head;
	struct genlmsghdr genl;
	char attributes[256];
};

/* What is looked for in the answer. */
struct wanted {
	uint16_t type;
	void *value;
	size_t size;
};

static void begin(struct request *request, uint16_t family, uint8_t command)
{
	*request = (struct request) {
		.head = {
			.nlmsg_len = NLMSG_HDRLEN + GENL_HDRLEN,
			.nlmsg_type = family,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		},
		.genl = { .cmd = command, .version = 1 },
	};
}

static void add(struct request *request, uint16_t type, const void *value, size_t size)
{
	char *end = (char *)request + request->head.nlmsg_len;
	struct nlattr attribute = { .nla_type = type, .nla_len = (uint16_t)(NLA_HDRLEN + size) };

	memcpy(end, &attribute, sizeof(attribute));
	memcpy(end + NLA_HDRLEN, value, size);
	request->head.nlmsg_len += (uint32_t)NLA_ALIGN(attribute.nla_len);
}

static void add_number(struct request *request, uint16_t type, uint64_t number)
{
	add(request, type, &number, sizeof(number));
}

static void add_socket(struct request *request, int sock)
{
	const struct nlattr fd = { .nla_len = NLA_HDRLEN + sizeof(sock), .nla_type = NBD_SOCK_FD };
	char sockets[NLA_HDRLEN + NLA_HDRLEN + sizeof(sock)];
	const struct nlattr item = {
		.nla_len = sizeof(sockets),
		.nla_type = NLA_F_NESTED | NBD_SOCK_ITEM,
	};

	memcpy(sockets, &item, sizeof(item));
	memcpy(sockets + NLA_HDRLEN, &fd, sizeof(fd));
	memcpy(sockets + NLA_HDRLEN + NLA_HDRLEN, &sock, sizeof(sock));
	add(request, NLA_F_NESTED | NBD_ATTR_SOCKETS, sockets, sizeof(sockets));
}

static void look_for(const struct nlmsghdr *head, const struct wanted *wanted)
{
	const char *at = (const char *)head + NLMSG_HDRLEN + GENL_HDRLEN;
	const char *end = (const char *)head + head->nlmsg_len;
	struct nlattr attribute;

	for (; at + NLA_HDRLEN <= end; at += NLA_ALIGN(attribute.nla_len)) {
		memcpy(&attribute, at, sizeof(attribute));
		if (attribute.nla_len < NLA_HDRLEN)
			return;
		if (attribute.nla_type == wanted->type &&
		    attribute.nla_len == NLA_HDRLEN + wanted->size)
			memcpy(wanted->value, at + NLA_HDRLEN, wanted->size);
	}
}

/* The answer comes before what tells whether it was done. */
static int hear(int link, const struct wanted *wanted)
{
	char buffer[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *head;
	const struct nlmsgerr *error;
	ssize_t got;

	for (;;) {
		got = recv(link, buffer, sizeof(buffer), 0);
		if (got < 0)
			return errno;
		for (head = (const struct nlmsghdr *)buffer; NLMSG_OK(head, (size_t)got);
		     head = NLMSG_NEXT(head, got)) {
			error = NLMSG_DATA(head);
			if (head->nlmsg_type == NLMSG_ERROR)
				return -error->error;
			if (wanted)
				look_for(head, wanted);
		}
	}
}

static int talk(int link, const struct request *request, const struct wanted *wanted)
{
	if (send(link, request, request->head.nlmsg_len, 0) < 0)
		return errno;
	return hear(link, wanted);
}

static int find_family(int link, uint16_t *family)
{
	const struct wanted wanted = { CTRL_ATTR_FAMILY_ID, family, sizeof(*family) };
	struct request request;

	begin(&request, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	add(&request, CTRL_ATTR_FAMILY_NAME, NBD_GENL_FAMILY_NAME, sizeof(NBD_GENL_FAMILY_NAME));
	return talk(link, &request, &wanted);
}

/* Returns what can be talked to, or -1 and errno. */
static int open_link(uint16_t *family)
{
	int link = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	int error = link < 0 ? errno : find_family(link, family);

	if (error == ENOENT &&
	    !child_run((const char *const[]) { "modprobe", "nbd", NULL }))
		error = find_family(link, family);
	if (!error)
		return link;
	if (link >= 0)
		close(link);
	errno = error;
	return -1;
}

int nbd_link_connect(int sock, const struct nbd_export *export, uint32_t *index)
{
	const struct wanted wanted = { NBD_ATTR_INDEX, index, sizeof(*index) };
	struct request request;
	uint16_t family = 0;
	int link = open_link(&family), error;

	if (link < 0)
		return errno;
	begin(&request, family, NBD_CMD_CONNECT);
	add_number(&request, NBD_ATTR_SIZE_BYTES, export->size);
	add_number(&request, NBD_ATTR_BLOCK_SIZE_BYTES, export->block);
	add_number(&request, NBD_ATTR_SERVER_FLAGS, export->flags);
	add_number(&request, NBD_ATTR_TIMEOUT, REQUEST_S);
	add_socket(&request, sock);
	error = talk(link, &request, &wanted);
	close(link);
	return error;
}

/* For a device that is connected; @flags and @sock, if there are any. */
static int tell(uint32_t index, uint8_t command, uint64_t flags, int sock)
{
	struct request request;
	uint16_t family = 0;
	int link = open_link(&family), error;

	if (link < 0)
		return errno;
	begin(&request, family, command);
	add(&request, NBD_ATTR_INDEX, &index, sizeof(index));
	if (flags)
		add_number(&request, NBD_ATTR_CLIENT_FLAGS, flags);
	if (sock >= 0)
		add_socket(&request, sock);
	error = talk(link, &request, NULL);
	close(link);
	return error;
}

int nbd_link_keep(uint32_t index)
{
	return tell(index, NBD_CMD_RECONFIGURE, NBD_CFLAG_DISCONNECT_ON_CLOSE, -1);
}

int nbd_link_replace(uint32_t index, int sock)
{
	return tell(index, NBD_CMD_RECONFIGURE, NBD_CFLAG_DISCONNECT_ON_CLOSE, sock);
}

int nbd_link_disconnect(uint32_t index)
{
	return tell(index, NBD_CMD_DISCONNECT, 0, -1);
}

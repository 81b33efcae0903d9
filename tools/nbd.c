// SPDX-License-Identifier: GPL-2.0-only
/* Exports of NBD servers; see nbd.h. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "child.h"
#include "nbd-link.h"
#include "nbd.h"
#include "say.h"

#define TCP		"nbd://"
#define UNIX		"nbd+unix:///"
#define NAME_MAX_NBD	256
#define ANSWER_S	10		/* a server that does not answer for so long is not there */
#define TLS_ANSWER_S	30		/* it has to prove who it is, too */
#define CERTIFICATES	"/etc/cbw/pki/"

struct place {
	const char *url;
	char host[NAME_MAX_NBD];
	char port[8];
	char export[NAME_MAX_NBD];
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];	/* "": it is a host */
};

/* --- names -------------------------------------------------------------------------------- */

bool nbd_is_url(const char *name)
{
	return !strncmp(name, TCP, strlen(TCP)) || !strncmp(name, UNIX, strlen(UNIX));
}

/* "host", "host:port", "[address]:port" */
static bool parse_host(const char *text, size_t length, struct place *place)
{
	const char *end = text + length, *colon;
	bool bracket = *text == '[';

	colon = bracket ? memchr(text, ']', length) : memchr(text, ':', length);
	if (bracket) {
		if (!colon)
			return false;
		length = (size_t)(colon++ - ++text);
	} else if (colon) {
		length = (size_t)(colon - text);
	}
	if (!length || length >= sizeof(place->host))
		return false;
	memcpy(place->host, text, length);
	snprintf(place->port, sizeof(place->port), "10809");
	if (!colon || colon == end)
		return true;
	length = (size_t)(end - colon - 1);
	if (*colon != ':' || !length || length >= sizeof(place->port))
		return false;
	snprintf(place->port, sizeof(place->port), "%.*s", (int)length, colon + 1);
	return strspn(place->port, "0123456789") == length;
}

static bool parse_unix(const char *text, struct place *place)
{
	static const char word[] = "?socket=";
	const char *question = strstr(text, word);
	size_t length = question ? (size_t)(question - text) : 0;

	if (!question || length >= sizeof(place->export))
		return false;
	memcpy(place->export, text, length);
	return question[strlen(word)] == '/' &&
	       (size_t)snprintf(place->path, sizeof(place->path), "%s",
				question + strlen(word)) < sizeof(place->path);
}

static int parse(const char *url, struct place *place)
{
	const char *slash;
	bool good;

	*place = (struct place) { .url = url };
	if (!strncmp(url, UNIX, strlen(UNIX))) {
		good = parse_unix(url + strlen(UNIX), place);
	} else {
		url += strlen(TCP);
		slash = strchrnul(url, '/');
		good = parse_host(url, (size_t)(slash - url), place) &&
		       (size_t)snprintf(place->export, sizeof(place->export), "%s",
					*slash ? slash + 1 : "") < sizeof(place->export);
	}
	return good ? 0 :
		      say_error("%s is not of the form nbd://HOST[:PORT]/EXPORT or nbd+unix:///EXPORT?socket=PATH",
				place->url);
}

/* --- the server --------------------------------------------------------------------------- */

static bool is_here(const struct sockaddr *address)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;

	if (address->sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
	return address->sa_family == AF_UNIX || ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

static void limit(int sock, time_t seconds)
{
	const struct timeval time = { .tv_sec = seconds };

	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
	setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
}

/* -1 and errno. */
static int reach(const struct sockaddr *address, socklen_t length)
{
	int sock = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, error;

	if (sock < 0)
		return -1;
	limit(sock, ANSWER_S);
	if (address->sa_family != AF_UNIX)
		setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (!connect(sock, address, length))
		return sock;
	error = errno == EINPROGRESS ? ETIMEDOUT : errno;
	close(sock);
	errno = error;
	return -1;
}

static int reach_host(const struct place *place, bool *here)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list, *address;
	int sock = -1, r = getaddrinfo(place->host, place->port, &hints, &list);

	if (r)
		return say_error("%s: %s", place->url, gai_strerror(r));
	for (address = list; address && sock < 0; address = address->ai_next) {
		*here = is_here(address->ai_addr);
		sock = reach(address->ai_addr, address->ai_addrlen);
	}
	r = errno;
	freeaddrinfo(list);
	errno = r;
	return sock >= 0 ? sock : say_error("cannot reach %s: %s", place->url, strerror(errno));
}

/* *@here: it is on this machine. */
static int reach_place(const struct place *place, bool *here)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int sock;

	if (!*place->path)
		return reach_host(place, here);
	memcpy(address.sun_path, place->path, sizeof(address.sun_path));
	*here = true;
	sock = reach((const struct sockaddr *)&address, sizeof(address));
	return sock >= 0 ? sock : say_error("cannot reach %s: %s", place->url, strerror(errno));
}

/* --- the protocol ------------------------------------------------------------------------- */

#define MAGIC		0x4e42444d41474943ULL		/* "NBDMAGIC" */
#define OPTION_MAGIC	0x49484156454f5054ULL		/* "IHAVEOPT" */
#define REPLY_MAGIC	0x0003e889045565a9ULL
#define FIXED		1U
#define NO_ZEROES	2U
#define GO		7U
#define REPLY_ACK	1U
#define REPLY_INFO	3U
#define REPLY_ERROR	0x80000000U
#define NO_SUCH_EXPORT	(REPLY_ERROR + 6)
#define TLS_WANTED	(REPLY_ERROR + 5)
#define INFO_EXPORT	0U
#define INFO_BLOCKS	3U
#define MAX_REPLY	4096U

struct greeting {
	uint64_t magic;
	uint64_t option_magic;
	uint16_t flags;
} __attribute__((packed));

struct go {
	uint32_t client_flags;
	uint64_t magic;
	uint32_t option;
	uint32_t length;
	uint32_t name_length;
	char name[NAME_MAX_NBD + 4];	/* and how many wishes there are, and those */
} __attribute__((packed));

struct reply {
	uint64_t magic;
	uint32_t option;
	uint32_t kind;
	uint32_t length;
} __attribute__((packed));

static bool get(int sock, void *data, size_t size)
{
	return recv(sock, data, size, MSG_WAITALL) == (ssize_t)size;
}

/* One wish: to know the sizes of blocks. */
static bool send_go(int sock, const char *name)
{
	size_t length = strlen(name), rest = sizeof(uint32_t) + length + 2 * sizeof(uint16_t);
	const uint16_t wishes[] = { htobe16(1), htobe16(INFO_BLOCKS) };
	struct go go = {
		.client_flags = htobe32(FIXED | NO_ZEROES),
		.magic = htobe64(OPTION_MAGIC),
		.option = htobe32(GO),
		.length = htobe32((uint32_t)rest),
		.name_length = htobe32((uint32_t)length),
	};
	size_t size = offsetof(struct go, name_length) + rest;

	memcpy(go.name, name, length);
	memcpy(go.name + length, wishes, sizeof(wishes));
	return send(sock, &go, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static uint64_t number_at(const char *data, size_t size)
{
	uint64_t number = 0;

	for (size_t i = 0; i < size; i++)
		number = number << 8 | (unsigned char)data[i];
	return number;
}

static void take_info(const char *data, size_t length, struct nbd_export *export)
{
	uint64_t kind = length >= 2 ? number_at(data, 2) : UINT16_MAX;

	if (kind == INFO_EXPORT && length >= 12) {
		export->size = number_at(data + 2, 8);
		export->flags = (uint16_t)number_at(data + 10, 2);
	} else if (kind == INFO_BLOCKS && length >= 14) {
		export->block = (uint32_t)number_at(data + 2, 4);
	}
}

/* Returns its kind, or 0 if it is none. */
static uint32_t take_reply(int sock, struct nbd_export *export)
{
	char data[MAX_REPLY];
	struct reply reply;
	uint32_t length, kind;

	if (!get(sock, &reply, sizeof(reply)) || be64toh(reply.magic) != REPLY_MAGIC)
		return 0;
	length = be32toh(reply.length);
	kind = be32toh(reply.kind);
	if (length > sizeof(data) || (length && !get(sock, data, length)))
		return 0;
	if (kind == REPLY_INFO)
		take_info(data, length, export);
	return kind;
}

/* The kernel's blocks are 512 bytes to 4 KiB. */
static bool fits(struct nbd_export *export)
{
	if (export->block < 512)
		export->block = 512;
	return export->block <= 4096 && export->size >= export->block;
}

static int negotiate(int sock, const struct place *place, struct nbd_export *export)
{
	struct greeting greeting;
	uint32_t kind;

	*export = (struct nbd_export) { 0 };
	if (!get(sock, &greeting, sizeof(greeting)) || be64toh(greeting.magic) != MAGIC ||
	    be64toh(greeting.option_magic) != OPTION_MAGIC || !(be16toh(greeting.flags) & FIXED) ||
	    !send_go(sock, place->export))
		return say_error("%s is no NBD server of today", place->url);
	do
		kind = take_reply(sock, export);
	while (kind == REPLY_INFO);
	if (kind == REPLY_ACK && fits(export))
		return 0;
	if (kind == NO_SUCH_EXPORT)
		return say_error("%s: the server has no such export", place->url);
	if (kind == TLS_WANTED)
		return say_error("%s: the server wants TLS", place->url);
	return say_error("%s: the server does not give out the export", place->url);
}

/* A connection that the kernel can have, which waits for as long as it likes. */
static int open_plain(const struct place *place, int sock, struct nbd_export *export)
{
	if (negotiate(sock, place, export)) {
		close(sock);
		return -1;
	}
	limit(sock, 0);
	return sock;
}

/* --- devices ------------------------------------------------------------------------------ */

static int connect_plain(const struct place *place, int sock, uint32_t *index)
{
	struct nbd_export export;
	int error;

	sock = open_plain(place, sock, &export);
	if (sock < 0)
		return -1;
	error = nbd_link_connect(sock, &export, index);
	close(sock);
	return error ? say_error("cannot make a device of %s: %s", place->url, strerror(error)) : 0;
}

/* nbd-client wants to be told which. -1: there is none. */
static int find_free(uint32_t *index)
{
	char path[64];

	child_run((const char *const[]) { "modprobe", "nbd", NULL });
	for (*index = 0; *index < UINT16_MAX; ++*index) {
		snprintf(path, sizeof(path), "/sys/block/nbd%u", *index);
		if (access(path, F_OK))
			return -1;
		snprintf(path, sizeof(path), "/sys/block/nbd%u/pid", *index);
		if (access(path, F_OK))
			return 0;
	}
	return -1;
}

/* By what the server is known: without, nbd-client takes any for it. NULL: there is nothing. */
static const char *trusted(void)
{
	static const char * const files[] = {
		CERTIFICATES "ca-cert.pem",
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt",
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (!access(files[i], R_OK))
			return files[i];
	}
	return NULL;
}

/* What there is of these is used, as other programs for NBD do. */
static size_t add_certificates(const char *argv[])
{
	static const char * const files[][2] = {
		{ "-F", CERTIFICATES "client-cert.pem" },
		{ "-K", CERTIFICATES "client-key.pem" },
	};
	size_t nr = 0;

	argv[nr++] = "-A";
	argv[nr++] = trusted();
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (access(files[i][1], R_OK))
			continue;
		argv[nr++] = files[i][0];
		argv[nr++] = files[i][1];
	}
	return nr;
}

static int connect_tls(const struct place *place, uint32_t *index)
{
	const char *argv[20] = { "nbd-client", place->host, place->port };
	char device[32];
	size_t nr = 3;

	if (!trusted())
		return say_error("nothing tells whether %s is who it says: no %s",
				 place->host, CERTIFICATES "ca-cert.pem");
	if (find_free(index))
		return say_error("there is no free device for %s", place->url);
	snprintf(device, sizeof(device), "/dev/nbd%u", *index);
	argv[nr++] = device;
	argv[nr++] = "-N";
	argv[nr++] = place->export;
	argv[nr++] = "-t";
	argv[nr++] = "30";
	argv[nr++] = "-x";
	add_certificates(argv + nr);
	return child_daemon(argv, TLS_ANSWER_S);
}

/* Whoever is killed here leaves a device that nbd-client -d disconnects. */
static int keep(uint32_t index, const struct place *place, struct device *device)
{
	char path[32];
	struct stat st;
	int fd, error;

	snprintf(path, sizeof(path), "/dev/nbd%u", index);
	fd = open(path, O_RDWR | O_CLOEXEC);
	error = fd < 0 ? errno : nbd_link_keep(index);
	if (!error && !fstat(fd, &st) && !device_of(st.st_rdev, device))
		return fd;
	if (error)
		say_error("cannot open %s for %s: %s", path, place->url, strerror(error));
	if (fd >= 0)
		close(fd);
	nbd_link_disconnect(index);
	return -1;
}

int nbd_connect(const char *url, bool insecure, struct device *device)
{
	struct place place;
	uint32_t index = 0;
	bool here = false;
	int sock, r;

	if (parse(url, &place))
		return -1;
	sock = reach_place(&place, &here);
	if (sock < 0)
		return -1;
	if (here || insecure) {
		r = connect_plain(&place, sock, &index);
	} else {
		close(sock);
		r = connect_tls(&place, &index);
	}
	return r ? -1 : keep(index, &place, device);
}

int nbd_reconnect(const char *url, bool insecure, dev_t dev)
{
	struct nbd_export export;
	struct device device;
	struct place place;
	uint32_t index;
	bool here = false;
	int sock, error;

	if (parse(url, &place) || device_of(dev, &device))
		return -1;
	if (sscanf(device.path, "/dev/nbd%u", &index) != 1)
		return say_error("%s is not connected to %s", device.path, url);
	sock = reach_place(&place, &here);
	if (sock < 0)
		return -1;
	if (!here && !insecure) {
		close(sock);
		return say_error("%s: an encrypted connection cannot be made again: cancel the job, and begin anew",
				 url);
	}
	sock = open_plain(&place, sock, &export);
	if (sock < 0)
		return -1;
	error = export.size == device.size ? nbd_link_replace(index, sock) : EINVAL;
	close(sock);
	if (error)
		return say_error("cannot connect %s to %s again: %s", device.path, url,
				 strerror(error));
	/* The protocol does not tell; and what was copied before is not copied again. */
	say_warning("if %s has been started anew, it may have lost what it had not flushed: cancel the job then, and begin anew",
		    url);
	return 0;
}

static bool names_us(const struct place *place)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;
	bool us;

	if (getaddrinfo(place->host, place->port, &hints, &list))
		return false;
	us = is_here(list->ai_addr);
	freeaddrinfo(list);
	return us;
}

void nbd_plan(const char *url, bool insecure)
{
	struct place place;

	if (parse(url, &place))
		return;
	printf("NBD=/dev/nbd0\n");
	if (*place.path)
		printf("nbd-client -unix '%s' \"$NBD\" -N '%s'\n", place.path, place.export);
	else
		printf("nbd-client '%s' %s \"$NBD\" -N '%s'%s\n", place.host, place.port,
		       place.export, insecure || names_us(&place) ? "" : " -x");
}

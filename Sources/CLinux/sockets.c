// Sockets with addresses and control messages: Swift cannot call the macros that these need.
#define _GNU_SOURCE
#include "CLinux.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

int clinux_socketpair(int domain, int type, int fds[2]) { return socketpair(domain, type, 0, fds); }
int clinux_accept4(int fd, int flags) { return accept4(fd, NULL, NULL, flags); }

static int unix_address(struct sockaddr_un *address, const char *path, size_t length) {
    struct clinux_path_room room;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    // The name of an abstract socket begins with a zero byte, and has no other here.
    const int is_abstract = length > 0 && path[0] == 0;
    const char *name = clinux_path(path + is_abstract, &room);
    if (name == room.bytes) length = strlen(name) + (size_t)is_abstract;
    if (length >= sizeof address->sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address->sun_path + is_abstract, name, length - (size_t)is_abstract);
    // The name of an abstract socket has no zero byte at its end. unix(7).
    return (int)(offsetof(struct sockaddr_un, sun_path) + length + (size_t)!is_abstract);
}
int clinux_connect_unix(int fd, const char *path, size_t length) {
    struct sockaddr_un address;
    int size = unix_address(&address, path, length);
    return size < 0 ? -1 : connect(fd, (struct sockaddr *)&address, (socklen_t)size);
}
int clinux_bind_unix(int fd, const char *path, size_t length) {
    struct sockaddr_un address;
    int size = unix_address(&address, path, length);
    return size < 0 ? -1 : bind(fd, (struct sockaddr *)&address, (socklen_t)size);
}

enum { most_descriptors = 16 };
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * most_descriptors)];
};

ssize_t clinux_send_descriptors(int socket, const void *bytes, size_t length, const int *fds, int count, int flags) {
    union control control = {0};
    struct iovec part = {(void *)(uintptr_t)bytes, length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > most_descriptors) {
        errno = EINVAL;
        return -1;
    }
    if (count > 0) {
        size_t size = sizeof(int) * (size_t)count;
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(&control.header), fds, size);
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(size);
    }
    return sendmsg(socket, &message, flags | MSG_NOSIGNAL);
}

ssize_t clinux_receive_descriptors(int socket, void *bytes, size_t length, int *fds, int *count, int flags) {
    union control control = {0};
    struct iovec part = {bytes, length};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    int room = *count;
    *count = 0;
    ssize_t received = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
    if (received < 0) return received;
    // No number was left for a descriptor of the message.
    if (message.msg_flags & MSG_CTRUNC) return -2;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        int here = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        if (here > room - *count) here = room - *count;
        memcpy(fds + *count, CMSG_DATA(c), sizeof(int) * (size_t)here);
        *count += here;
    }
    return received;
}

static int limit_waiting(int socket, int option, int milliseconds)
{
    struct timeval limit = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};
    return setsockopt(socket, SOL_SOCKET, option, &limit, sizeof limit);
}
int clinux_limit_receiving(int socket, int milliseconds) { return limit_waiting(socket, SO_RCVTIMEO, milliseconds); }
int clinux_limit_sending(int socket, int milliseconds) { return limit_waiting(socket, SO_SNDTIMEO, milliseconds); }

/* SPDX-License-Identifier: BSD-3-Clause */
/* Pidfds. Raw system calls: the C library of our oldest system may lack the wrappers. */
#include "os/process.h"

#include "os/fd.h"
#include "os/stream.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Linux 6.5; the headers of Debian 12 are older. */
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif
/* Linux 6.9: PID_FS_MAGIC of linux/magic.h. From there on a process is an inode (pidfs). */
#define PIDFS_MAGIC 0x50494446

static const char *const texts[HF_PROCESS_RESULT_COUNT] = {
    [HF_PROCESS_FOUND] = "the process is held",
    [HF_PROCESS_GONE] = "the process has ended",
    [HF_PROCESS_FOREIGN] = "the process lives in a pid namespace that cannot be seen from here",
    [HF_PROCESS_FORBIDDEN] = "not permitted to reach the process",
    [HF_PROCESS_UNSUPPORTED] = "this kernel has no pidfds",
    [HF_PROCESS_SELF] = "this process made the socket, who uses it is unknown",
    [HF_PROCESS_NO_RESOURCES] = "no file descriptor or memory left for a pidfd",
};

const char *hf_process_result_text(enum hf_process_result result)
{
    return texts[result];
}

static enum hf_process_result result_of(int code)
{
    static const struct {
        int code;
        enum hf_process_result result;
    } known[] = {
        { ESRCH, HF_PROCESS_GONE },          { EPERM, HF_PROCESS_FORBIDDEN },
        { EACCES, HF_PROCESS_FORBIDDEN },    { ENOSYS, HF_PROCESS_UNSUPPORTED },
        { EMFILE, HF_PROCESS_NO_RESOURCES }, { ENFILE, HF_PROCESS_NO_RESOURCES },
        { ENOMEM, HF_PROCESS_NO_RESOURCES },
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].code == code)
            return known[i].result;
    /* EINVAL from pidfd_send_signal: "in a pid namespace that is not ours nor below". */
    return HF_PROCESS_FOREIGN;
}

static enum hf_process_result judge(int fd, int *pidfd)
{
    int lifted = hf_fd_lift(fd);

    *pidfd = -1;
    if (lifted < 0)
        return result_of(-lifted);
    *pidfd = lifted;
    return HF_PROCESS_FOUND;
}

enum hf_process_result hf_process_open(pid_t pid, int *pidfd)
{
    *pidfd = -1;
    if (pid <= 0)
        return HF_PROCESS_FOREIGN;
    return judge((int)syscall(SYS_pidfd_open, pid, 0), pidfd);
}

enum hf_process_result hf_process_open_peer(int socket_fd, int *pidfd)
{
    struct hf_stream_peer peer;
    int fd = -1;
    socklen_t size_bytes = sizeof(fd);

    *pidfd = -1;
    if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERPIDFD, &fd, &size_bytes) == 0)
        return judge(fd, pidfd);
    if (errno == EINVAL || errno == ESRCH)
        return HF_PROCESS_GONE; /* 6.5 to 6.14 say EINVAL for a process that has been reaped */
    if (errno == EMFILE || errno == ENFILE)
        return HF_PROCESS_NO_RESOURCES;
    if (hf_stream_peer(socket_fd, &peer) < 0)
        return HF_PROCESS_FOREIGN;
    return hf_process_open(peer.pid, pidfd);
}

static int inode_of(int pidfd, struct stat *inode)
{
    struct statfs system;

    if (fstatfs(pidfd, &system) < 0)
        return -errno;
    if ((unsigned long)system.f_type != PIDFS_MAGIC)
        return -EOPNOTSUPP;
    return fstat(pidfd, inode) < 0 ? -errno : 0;
}

int hf_process_same(int a, int b)
{
    struct stat inode_a, inode_b;
    int result = inode_of(a, &inode_a);

    if (result == 0)
        result = inode_of(b, &inode_b);
    if (result < 0)
        return result;
    return hf_stat_is_same(&inode_a, &inode_b);
}

bool hf_process_ended(int pidfd)
{
    struct pollfd one = { .fd = pidfd, .events = POLLIN };

    return poll(&one, 1, 0) == 1 && (one.revents & POLLIN) != 0;
}

enum hf_process_result hf_process_signal(int pidfd, int signal_number)
{
    if (syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0) == 0)
        return HF_PROCESS_FOUND;
    return result_of(errno);
}

// The floor under every runtime's time: the least system calls that start one program in a container as
// `swiftrun spec` describes it and clean up after it, on this host's cgroups (v1 or v2), with everything known in
// advance: nothing is parsed, planned, recorded or checked. It takes what a runtime must do, and no more; it is
// no runtime. Usage: floor ROOTFS PROGRAM [ARGUMENT...]
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define CGROUP1 0x27e0eb
#define CGROUP2 0x63677270
#define MOST 32

static char cgroups[MOST][128];
static int tasks[MOST], count, unified = -1;

static void must(long result, const char *what)
{
    if (result < 0) {
        perror(what);
        _exit(125);
    }
}

static void put(int directory, const char *file, const char *text)
{
    int fd = openat(directory, file, O_WRONLY | O_CLOEXEC);
    must(fd, file);
    must(write(fd, text, strlen(text)), file);
    close(fd);
}

static void copy(const char *parent, int directory, const char *file)
{
    char path[160], text[256];
    snprintf(path, sizeof path, "%s/%s", parent, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = read(fd, text, sizeof text - 1);
    must(length, path);
    close(fd);
    text[length] = 0;
    put(directory, file, text);
}

static const char *const allowed[] = {"c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm",
                                      "c 1:9 rwm", "c 5:0 rwm", "c 136:* rwm", "c 5:2 rwm", "c 10:200 rwm"};

// One rule is at most seven instructions; `device_rules` appends those of `allowed`, then a refusal.
static struct bpf_insn rules[8 * sizeof allowed / sizeof *allowed];

static int device_rules(void)
{
    int n = 0;
    rules[n++] = (struct bpf_insn){BPF_LDX | BPF_MEM | BPF_W, 2, 1, 0, 0};
    rules[n++] = (struct bpf_insn){BPF_ALU | BPF_MOV | BPF_X, 3, 2, 0, 0};
    rules[n++] = (struct bpf_insn){BPF_ALU | BPF_AND | BPF_K, 2, 0, 0, 0xffff};
    rules[n++] = (struct bpf_insn){BPF_ALU | BPF_RSH | BPF_K, 3, 0, 0, 16};
    rules[n++] = (struct bpf_insn){BPF_LDX | BPF_MEM | BPF_W, 4, 1, 4, 0};
    rules[n++] = (struct bpf_insn){BPF_LDX | BPF_MEM | BPF_W, 5, 1, 8, 0};
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        int first = n, major = 0, minor = 0, type = allowed[i][0] == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
        int fields = sscanf(allowed[i] + 2, "%d:%d", &major, &minor);
        rules[n++] = (struct bpf_insn){BPF_JMP | BPF_JNE | BPF_K, 2, 0, 0, type};
        if (fields < 1)
            rules[n++] = (struct bpf_insn){BPF_JMP | BPF_JNE | BPF_K, 3, 0, 0, BPF_DEVCG_ACC_MKNOD};
        if (fields > 0)
            rules[n++] = (struct bpf_insn){BPF_JMP | BPF_JNE | BPF_K, 4, 0, 0, major};
        if (fields > 1)
            rules[n++] = (struct bpf_insn){BPF_JMP | BPF_JNE | BPF_K, 5, 0, 0, minor};
        rules[n++] = (struct bpf_insn){BPF_ALU | BPF_MOV | BPF_K, 0, 0, 0, 1};
        rules[n++] = (struct bpf_insn){BPF_JMP | BPF_EXIT, 0, 0, 0, 0};
        for (int j = first; j < n - 2; j++)
            rules[j].off = n - j - 1;
    }
    rules[n++] = (struct bpf_insn){BPF_ALU | BPF_MOV | BPF_K, 0, 0, 0, 0};
    rules[n++] = (struct bpf_insn){BPF_JMP | BPF_EXIT, 0, 0, 0, 0};
    return n;
}

static void limit_devices(int directory)
{
    union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE, .insn_cnt = device_rules()};
    load.insns = (uintptr_t)rules;
    load.license = (uintptr_t) "Apache-2.0";
    int program = syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load);
    must(program, "load the device rules");
    union bpf_attr attach = {0};
    attach.target_fd = directory;
    attach.attach_bpf_fd = program;
    attach.attach_type = BPF_CGROUP_DEVICE;
    attach.attach_flags = BPF_F_ALLOW_MULTI;
    must(syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof attach), "attach the device rules");
    close(program);
}

static void make_cgroup(const char *mount, const char *controller)
{
    struct statfs facts;
    if (statfs(mount, &facts) < 0 || (facts.f_type != CGROUP1 && facts.f_type != CGROUP2))
        return;
    char *path = cgroups[count];
    snprintf(path, sizeof cgroups[0], "%s/floor-%d", mount, getpid());
    if (mkdir(path, 0755) < 0)
        return;
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(directory, path);
    if (!strcmp(controller, "cpuset")) {
        copy(mount, directory, "cpuset.cpus");
        copy(mount, directory, "cpuset.mems");
    } else if (!strcmp(controller, "devices")) {
        put(directory, "devices.deny", "a");
        int fd = openat(directory, "devices.allow", O_WRONLY | O_CLOEXEC);
        for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
            must(write(fd, allowed[i], strlen(allowed[i])), "devices.allow");
        close(fd);
    }
    tasks[count] = -1;
    if (facts.f_type == CGROUP2)
        unified = directory;
    else {
        must(tasks[count] = openat(directory, "tasks", O_WRONLY | O_CLOEXEC), path);
        close(directory);
    }
    count++;
}

static void make_cgroups(void)
{
    struct statfs facts;
    must(statfs("/sys/fs/cgroup", &facts), "/sys/fs/cgroup");
    if (facts.f_type == CGROUP2) {
        make_cgroup("/sys/fs/cgroup", "");
        return;
    }
    DIR *list = opendir("/sys/fs/cgroup");
    for (struct dirent *entry; list && count < MOST && (entry = readdir(list));) {
        char mount[96];
        if (entry->d_name[0] == '.' || entry->d_type == DT_LNK)
            continue;
        snprintf(mount, sizeof mount, "/sys/fs/cgroup/%.64s", entry->d_name);
        make_cgroup(mount, entry->d_name);
    }
    closedir(list);
}

static int is_v2(void) { return count == 1 && unified >= 0; }

static void mount_on(const char *type, const char *target, unsigned long flags, const char *options)
{
    must(mount(type, target, type, flags, options), target);
}

static void read_only(const char *path)
{
    int tree = syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (tree < 0)
        return;
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    must(syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes), path);
    must(syscall(SYS_move_mount, tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH), path);
    close(tree);
}

static void mount_everything(const char *rootfs)
{
    const unsigned long safe = MS_NOSUID | MS_NOEXEC | MS_NODEV;
    must(mount(0, "/", 0, MS_SLAVE | MS_REC, 0), "slave");
    must(mount(rootfs, rootfs, 0, MS_BIND | MS_REC, 0), rootfs);
    must(chdir(rootfs), rootfs);
    mount_on("proc", "proc", 0, 0);
    mount_on("tmpfs", "dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
    must(mkdir("dev/pts", 0755) | mkdir("dev/shm", 0755) | mkdir("dev/mqueue", 0755), "/dev");
    mount_on("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
    mount_on("tmpfs", "dev/shm", safe, "mode=1777,size=65536k");
    mount_on("mqueue", "dev/mqueue", safe, 0);
    mount_on("sysfs", "sys", safe | MS_RDONLY, 0);
    if (is_v2())
        mount_on("cgroup2", "sys/fs/cgroup", safe | MS_RDONLY, 0);
    else {
        mount_on("tmpfs", "sys/fs/cgroup", safe, "mode=755");
        for (int i = 0; i < count; i++) {
            char target[160];
            snprintf(target, sizeof target, "sys/fs/cgroup/%.*s", (int)(strrchr(cgroups[i], '/') - cgroups[i] - 15),
                     cgroups[i] + 15);
            must(mkdir(target, 0755), target);
            must(mount(cgroups[i], target, 0, MS_BIND, 0), target);
            must(mount(0, target, 0, MS_BIND | MS_REMOUNT | MS_RDONLY | safe, 0), target);
        }
        must(mount(0, "sys/fs/cgroup", 0, MS_BIND | MS_REMOUNT | MS_RDONLY | safe, 0), "/sys/fs/cgroup");
    }
    static const struct { const char *path; int major, minor; } nodes[] = {
        {"dev/null", 1, 3}, {"dev/zero", 1, 5}, {"dev/full", 1, 7},
        {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0}};
    umask(0);
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
        must(mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)), nodes[i].path);
    must(symlink("/proc/self/fd", "dev/fd") | symlink("/proc/self/fd/0", "dev/stdin") |
         symlink("/proc/self/fd/1", "dev/stdout") | symlink("/proc/self/fd/2", "dev/stderr") |
         symlink("pts/ptmx", "dev/ptmx"), "/dev");
    umask(022);
    must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
    must(umount2(".", MNT_DETACH), "umount");
    must(chdir("/"), "/");
    must(mount(0, "/", 0, MS_BIND | MS_REMOUNT | MS_RDONLY, 0), "/");
}

static void mask_paths(void)
{
    static const char *const files[] = {"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys",
                                        "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
                                        "/proc/sched_debug", "/sys/firmware", "/proc/scsi"};
    static const char *const fixed[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        read_only(fixed[i]);
    const char *empty = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct stat facts;
        if (stat(files[i], &facts) < 0)
            continue;
        if (!S_ISDIR(facts.st_mode))
            must(mount("/dev/null", files[i], 0, MS_BIND, 0), files[i]);
        else if (empty)
            must(mount(empty, files[i], 0, MS_BIND, 0), files[i]);
        else
            mount_on("tmpfs", empty = files[i], MS_RDONLY, "nr_blocks=1,nr_inodes=1");
    }
}

static void loopback_up(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    must(ioctl(fd, SIOCSIFFLAGS, &request), "lo");
    close(fd);
}

static void drop_privileges(void)
{
    const uint32_t kept = 1u << CAP_KILL | 1u << CAP_NET_BIND_SERVICE | 1u << CAP_AUDIT_WRITE;
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
    for (int capability = 0; capability <= CAP_LAST_CAP; capability++)
        if (capability > 31 || !(kept >> capability & 1))
            prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    must(setrlimit(RLIMIT_NOFILE, &(struct rlimit){1024, 1024}), "nofile");
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2] = {{.effective = kept, .permitted = kept}};
    must(syscall(SYS_capset, &header, sets), "capset");
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 125;
    make_cgroups();
    struct clone_args arguments = {
        .flags = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS |
                 (unified >= 0 ? CLONE_INTO_CGROUP : 0),
        .exit_signal = SIGCHLD,
        .cgroup = unified >= 0 ? unified : 0};
    int pid = syscall(SYS_clone3, &arguments, sizeof arguments);
    must(pid, "clone3");
    if (pid == 0) {
        // As `swiftrun spec` says for cgroup v2.
        if (is_v2())
            must(unshare(CLONE_NEWCGROUP), "cgroup namespace");
        for (int i = 0; i < count; i++)
            if (tasks[i] >= 0)
                must(write(tasks[i], "0", 1), cgroups[i]);
        must(setsid(), "setsid");
        mount_everything(argv[1]);
        must(sethostname("floor", 5), "hostname");
        loopback_up();
        mask_paths();
        drop_privileges();
        execve(argv[2], argv + 2, (char *[]){"PATH=/bin", 0});
        must(-1, argv[2]);
    }
    // While the child mounts.
    if (is_v2())
        limit_devices(unified);
    int status;
    must(waitpid(pid, &status, 0), "waitpid");
    for (int i = 0; i < count; i++)
        must(rmdir(cgroups[i]), cgroups[i]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

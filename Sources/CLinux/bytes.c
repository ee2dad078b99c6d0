// Names that are not UTF-8, in strings that must be: CLinux.h describes the encoding.
#include "CLinux.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

size_t clinux_unescape(const char *text, char *bytes, size_t size) {
    const unsigned char *from = (const unsigned char *)text;
    size_t length = 0;
    while (*from != 0 && length + 1 < size) {
        if (from[0] == 0xf4 && from[1] == 0x8f && (from[2] == 0xbe || from[2] == 0xbf) && from[3] >= 0x80) {
            bytes[length++] = (char)(from[2] == 0xbe ? from[3] : from[3] + 0x40);
            from += 4;
        } else {
            bytes[length++] = (char)*from++;
        }
    }
    bytes[length] = 0;
    return *from == 0 ? length : (size_t)-1;
}
int clinux_holds_escape(const char *text) { return strstr(text, "\xf4\x8f") != NULL; }
size_t clinux_length(const char *text) { return strlen(text); }
int clinux_fstatat(int dirfd, const char *path, void *facts, int flags) {
    struct clinux_path_room room;
    return fstatat(dirfd, clinux_path(path, &room), facts, flags);
}
ssize_t clinux_readlinkat(int dirfd, const char *path, char *target, size_t size) {
    struct clinux_path_room room;
    return readlinkat(dirfd, clinux_path(path, &room), target, size);
}
int clinux_mkdir(const char *path, mode_t mode) {
    struct clinux_path_room room;
    return mkdir(clinux_path(path, &room), mode);
}
int clinux_mkdirat(int dirfd, const char *path, mode_t mode) {
    struct clinux_path_room room;
    return mkdirat(dirfd, clinux_path(path, &room), mode);
}
int clinux_symlinkat(const char *target, int dirfd, const char *path) {
    struct clinux_path_room first, second;
    return symlinkat(clinux_path(target, &first), dirfd, clinux_path(path, &second));
}
int clinux_mknodat(int dirfd, const char *path, mode_t mode, dev_t device) {
    struct clinux_path_room room;
    return mknodat(dirfd, clinux_path(path, &room), mode, device);
}
int clinux_fchownat(int dirfd, const char *path, uid_t uid, gid_t gid, int flags) {
    struct clinux_path_room room;
    return fchownat(dirfd, clinux_path(path, &room), uid, gid, flags);
}
int clinux_fchmodat(int dirfd, const char *path, mode_t mode) {
    struct clinux_path_room room;
    return fchmodat(dirfd, clinux_path(path, &room), mode, 0);
}
int clinux_unlinkat(int dirfd, const char *path, int flags) {
    struct clinux_path_room room;
    return unlinkat(dirfd, clinux_path(path, &room), flags);
}
int clinux_rmdir(const char *path) {
    struct clinux_path_room room;
    return rmdir(clinux_path(path, &room));
}
int clinux_unlink(const char *path) {
    struct clinux_path_room room;
    return unlink(clinux_path(path, &room));
}
int clinux_chmod(const char *path, mode_t mode) {
    struct clinux_path_room room;
    return chmod(clinux_path(path, &room), mode);
}
int clinux_access(const char *path, int mode) {
    struct clinux_path_room room;
    return access(clinux_path(path, &room), mode);
}
int clinux_chdir(const char *path) {
    struct clinux_path_room room;
    return chdir(clinux_path(path, &room));
}
const char *clinux_path(const char *text, struct clinux_path_room *room) {
    if (text == NULL || strstr(text, "\xf4\x8f") == NULL) return text;
    // A path that is too long is passed on unchanged, so that the kernel reports ENAMETOOLONG.
    return clinux_unescape(text, room->bytes, sizeof room->bytes) == (size_t)-1 ? text : room->bytes;
}

// Names a container by the path of its bundle.

internal import Glibc
internal import Kernel

/// The path of the bundle from which a container was made.
package struct BundlePath: Equatable, Sendable {
    /// Absolute, and without links as far as it leads anywhere: a bundle that is gone still names its container.
    package let path: String

    package init(_ argument: String) {
        let whole = argument.isAbsolutePath ? argument : (resolvedPath(".") ?? "") + "/" + argument
        let clean = cleanPath(whole)
        // The last name is the bundle's own also where it is gone; what is above it may be there, and a link.
        let name = clean.split(at: "/").last.map(String.init) ?? ""
        path = resolvedPath(whole) ?? resolvedPath(cleanPath(clean + "/..")).map { cleanPath($0 + "/" + name) } ?? clean
    }

    /// The container's default id: the name of the bundle's directory.
    package var name: String { path.split(at: "/").last.map(String.init) ?? "" }

    /// Which directory is there now; nil if none is.
    var directory: FileIdentity? {
        do throws(Errno) { return FileIdentity(try fileStatus(at: path)) } catch { return nil }
    }

    /// Whether a record names this bundle. A directory may have several paths, by mounts. A name that is not valid
    /// UTF-8 was changed on reading, and never matches.
    func isSame(as recorded: String) -> Bool {
        if path == recorded, !path.unicodeScalars.contains("\u{FFFD}") { return true }
        do throws(Errno) {
            let (one, other) = (try fileStatus(at: path), try fileStatus(at: recorded))
            return one.device == other.device && one.inode == other.inode
        } catch {
            return false
        }
    }
}

private func resolvedPath(_ path: String) -> String? {
    guard let pointer = realpath(RawText.bytes(path), nil) else { return nil }
    defer { free(pointer) }
    return RawText.text(pointer)
}

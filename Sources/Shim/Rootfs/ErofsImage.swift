// Images of erofs, whose data may lie in further files.

internal import CLinux
internal import Glibc
internal import Kernel

/// An image, with the files that its `device=` options name.
///
/// Linux mounts files as they are from 6.12 on, where their file system allows it; otherwise each lies behind a loop device.
struct ErofsImage {
    let source: String
    let data: [String]
    let flags: UInt
    /// Whether reads are to pass the page cache of the files by, which only loop devices can do.
    let isDirect: Bool

    private static let file = "device="
    private static let onePage = 4096

    func mount(_ what: String, on target: String) throws(ShimFailure) {
        if !isDirect {
            do throws(Errno) { return try mount(source, data, on: target) } catch {
                guard error.rawValue == ENOTBLK else { throw ShimFailure(what, error) }
            }
        }
        var loops: [LoopDevice] = []
        let first = try device(of: source, &loops)
        var words: [String] = []
        for word in data {
            let isFile = word.hasPrefix(Self.file)
            words.append(isFile ? Self.file + (try device(of: String(word.dropFirst(7)), &loops)) : word)
        }
        try during(what) { [words] () throws(Errno) in try mount(first, words, on: target) }
        // The mount holds them from here on.
        withExtendedLifetime(loops) {}
    }

    private func device(of path: String, _ loops: inout [LoopDevice]) throws(ShimFailure) -> String {
        let isFile = try during("open \(path)") { () throws(Errno) in try fileStatus(at: path).isRegular }
        if !isFile { return path }
        let loop = try LoopDevice(path, isReadOnly: true, isDirect: isDirect)
        loops.append(loop)
        return loop.path
    }

    private func mount(_ source: String, _ data: [String], on target: String) throws(Errno) {
        let text = data.joined(separator: ",")
        if text.utf8.count < Self.onePage {
            try checked { clinux_mount(source, target, "erofs", flags, text.isEmpty ? nil : text) }
            return
        }
        let image = try FilesystemContext(type: "erofs")
        try image.set("source", source)
        for word in data {
            let parts = word.split(at: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            try image.set(parts[0], parts.count > 1 ? parts[1] : nil)
        }
        try image.set("ro", nil)
        try attachMount(
            try image.mount(MountOptions.attributes(flags)), on: try OwnedDescriptor.open(target, [.path, .noFollow]))
    }
}

// New instances of filesystems, with parameters of any length.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

/// Attaches a mount; a directory only on a directory, and a file only on a file, which the kernel calls invalid.
func attachLike(_ tree: borrowing OwnedDescriptor, on target: borrowing OwnedDescriptor) throws(Errno) {
    do throws(Errno) {
        try attachMount(tree, on: target)
    } catch {
        guard error == .invalidArgument,
            try fileStatus(tree.rawValue).isDirectory != fileStatus(target.rawValue).isDirectory
        else { throw error }
        throw .notDirectory
    }
}

extension MountLabel? {
    /// For a filesystem that the runtime adds by itself.
    var parameters: [MountStep.Parameter] { map { [$0.parameter] } ?? [] }
}

/// Gives a directory an SELinux label, unless the policy labels all files of its filesystem alike.
func setSecurityLabel(_ label: String, on directory: borrowing OwnedDescriptor) throws(Errno) {
    // The descriptor of a new mount only names a place; attributes take one that has been opened.
    let opened = try OwnedDescriptor.open(".", .readOnly | .directory, at: directory.rawValue)
    let number = opened.rawValue
    do throws(Errno) {
        try checked { clinux_fsetxattr(number, "security.selinux", label, label.utf8.count, 0) }
    } catch {
        guard error == .notSupported else { throw error }
    }
}

/// A detached mount of a new instance of a filesystem.
func newFilesystem(
    type: String, source: String, _ parameters: [MountStep.Parameter], attributes: MountAttributes
) throws(ActionFailure) -> OwnedDescriptor {
    do throws(ActionFailure) {
        return try makeFilesystem(type, source, parameters, attributes)
    } catch {
        guard error.code == .tooManyOpenFiles, raiseDescriptorLimit() else { throw error }
        return try makeFilesystem(type, source, parameters, attributes)
    }
}

private func makeFilesystem(
    _ type: String, _ source: String, _ parameters: [MountStep.Parameter], _ attributes: MountAttributes
) throws(ActionFailure) -> OwnedDescriptor {
    let context = try part(.filesystemType) { () throws(Errno) in try FilesystemContext(type: type) }
    try set("source", source, context, .parameter)
    for parameter in parameters {
        if type == "overlay", parameter.name == "lowerdir", parameter.isLong, let value = parameter.value {
            for layer in overlayLayers(value) { try set(layer.name, layer.value, context, .parameter) }
        } else {
            try set(parameter.name, parameter.value, context, .parameter)
        }
    }
    do throws(Errno) {
        return try context.mount(attributes)
    } catch {
        throw ActionFailure(action: .superblock, code: error, text: context.complaint() ?? "")
    }
}

private func set(
    _ name: String, _ value: String?, _ context: borrowing FilesystemContext, _ action: Action
) throws(ActionFailure) {
    do throws(Errno) {
        try context.set(name, value)
    } catch {
        let text = value.map { "\(name)=\($0)" } ?? name
        throw ActionFailure(action: action, code: error, text: context.complaint() ?? text)
    }
}

/// A list of layers as one parameter each, which Linux takes since 6.7. Documentation/filesystems/overlayfs.rst: a
/// colon separates, two of them come before a layer of data only, and a backslash takes the meaning from either.
func overlayLayers(_ list: String) -> [MountStep.Parameter] {
    var layers: [MountStep.Parameter] = []
    var bytes: [UInt8] = []
    var (name, isEscaped) = ("lowerdir+", false)
    for byte in list.utf8 {
        if !isEscaped, byte == UInt8(ascii: "\\") {
            isEscaped = true
        } else if !isEscaped, byte == UInt8(ascii: ":") {
            if bytes.isEmpty {
                name = "datadir+"
            } else {
                layers.append(.init(name, String(decoding: bytes, as: UTF8.self)))
            }
            bytes = []
        } else {
            bytes.append(byte)
            isEscaped = false
        }
    }
    return layers + [.init(name, String(decoding: bytes, as: UTF8.self))]
}

/// A filesystem with a parameter that fsconfig(2) does not take: by mount(2), which takes a page of them.
struct LongParameters {
    let type: String
    let source: String
    let parameters: [MountStep.Parameter]

    /// - Parameter target: where it will lie; meanwhile there is a place to make it in.
    /// - Returns: a detached mount.
    func mount(
        _ attributes: MountAttributes, over target: borrowing OwnedDescriptor
    ) throws(ActionFailure) -> OwnedDescriptor {
        let data = parameters.filter { Self.flags[$0.name] == nil }.map { $0.dataText }.joined(separator: ",")
        let flags = parameters.reduce(UInt(0)) { $0 | (Self.flags[$1.name] ?? 0) }
        guard data.utf8.count < 4096 else {
            throw ActionFailure(action: .parameter, code: Errno(rawValue: E2BIG), text: "all of them, more than a page")
        }
        let stage = try newFilesystem(type: "tmpfs", source: "tmpfs", [.init("mode", "700")], attributes: [])
        try part(.attach) { () throws(Errno) in try attachLike(stage, on: target) }
        let number = stage.rawValue
        var result: OwnedDescriptor?
        var failure: Errno?
        do throws(Errno) {
            result = try make(data, flags, in: number)
        } catch {
            failure = error
        }
        try part(.detach) { () throws(Errno) in try detachMount("/proc/self/fd/\(number)") }
        guard let tree = result.take() else {
            throw ActionFailure(action: .superblock, code: failure ?? .invalidArgument)
        }
        if !attributes.isEmpty {
            try part(.attributes) { () throws(Errno) in try changeMount(tree, AttributeChange(set: attributes)) }
        }
        return tree
    }

    private func make(_ data: String, _ flags: UInt, in stage: Int32) throws(Errno) -> OwnedDescriptor {
        try checked { mkdirat(stage, "place", 0o700) }
        let place = try OwnedDescriptor.open("place", .path | .noFollow, at: stage)
        try Kernel.mount(source, on: "/proc/self/fd/\(place.rawValue)", type: type, flags: flags, data: data)
        let made = try OwnedDescriptor.open("place", .path | .directory, at: stage)
        return try cloneMount("", recursive: false, at: made.rawValue)
    }

    // MS_* of mount(2) for what is a flag of the superblock.
    private static let flags: [String: UInt] = [
        "sync": 16, "dirsync": 128, "mand": 64, "lazytime": 1 << 25, "async": 0, "nomand": 0, "nolazytime": 0,
    ]
}

extension MountStep.Parameter {
    // With quotes, if it has commas: one parameter to mount(2).
    fileprivate var dataText: String {
        guard let value else { return name }
        return name.hasSuffix("context") && value.contains(",") ? "\(name)=\"\(value)\"" : "\(name)=\(value)"
    }
}

// The namespaces of a container for a process that joins them.

internal import Glibc
internal import Kernel

/// The namespaces of a container, to be joined by a process of the runtime's; borrowed numbers.
enum NamespacesOfInit {
    /// All at once, by the pidfd of the init, which the runtime may look into.
    case process(Int32)
    /// One by one, by what the init has handed out: it waits and hides itself, also from an ordinary user's runtime.
    case handedOut([Int32])

    /// The descriptors that must stay open until the namespaces are joined.
    var numbers: [Int32] {
        switch self {
        case .process(let number): [number]
        case .handedOut(let numbers): numbers
        }
    }

    func join(_ kinds: NamespaceSet) throws(Errno) {
        switch self {
        case .process(let number):
            try joinNamespaces(number, kinds)
        case .handedOut(let numbers):
            for number in numbers {
                guard let kind = try namespaceKind(of: number), kinds.contains(kind) else { continue }
                try joinNamespaces(number, NamespaceSet(kind))
            }
        }
        if kinds.contains(.user) { try hideAgain() }
    }

    /// The namespaces of this process, for it to hand out: the user namespace first, which gives the rights to the others.
    /// - Parameter first: their numbers are not below this one.
    static func ofThisProcess(_ kinds: NamespaceSet, from first: Int32) throws(Errno) -> [Int32] {
        var result: [Int32] = []
        for kind in [.user] + kinds.kinds.filter({ $0 != .user }) where kinds.contains(kind) {
            let opened = try OwnedDescriptor.open("/proc/self/ns/\(kind.linkName)")
            result.append(try opened.duplicated(from: first).relinquish())
        }
        return result
    }
}

extension ContainerDirectory {
    /// How the namespaces of the container are reached.
    borrowing func namespaces(of initPidfd: Int32, isWaiting: Bool) throws(Failure) -> NamespacesOfInit {
        guard isWaiting, !mayInspectHiddenProcesses() else { return .process(initPidfd) }
        return .handedOut(try StartGate.askForNamespaces(in: self))
    }
}

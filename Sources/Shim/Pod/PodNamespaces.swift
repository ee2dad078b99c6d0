// A pod's namespaces: the shim keeps them by descriptors, so that they end with it in every case.

internal import CLinux
internal import CPod
internal import Glibc
internal import Kernel

/// Namespaces that live as long as this, or as containers in them.
final class PodNamespaces {
    /// The paths of the namespaces, by the names of config.json.
    private(set) var paths: [String: String] = [:]
    /// The process that stands first in a shared process id namespace; 0 without one.
    private(set) var holder: pid_t = 0
    private var kept: [DescriptorBox] = []

    init(_ plan: PodPlan) throws(ShimFailure) {
        var network: DescriptorBox?
        if !plan.network.isEmpty {
            let path = plan.network
            network = DescriptorBox(
                try during("open \(path)") { () throws(Errno) in
                    try OwnedDescriptor.open(path, [.readOnly, .nonBlocking, .noControllingTerminal])
                })
            paths["network"] = path
        }
        var user: DescriptorBox?
        if let maps = plan.maps {
            let owner = try network.flatMap { network throws(ShimFailure) in try Self.owner(of: network) }
            if let owner { user = owner } else { user = DescriptorBox(try maps.namespace()) }
        }
        if let user { keep(user, as: "user") }
        var made = try Self.make(plan, network: network?.rawValue, user: user?.rawValue)
        defer { cpod_release(&made) }
        holder = made.holder
        do throws(ShimFailure) {
            for kind in plan.namespaces.kinds {
                // The maker's own children would be in the process id namespace, not it.
                let process = kind == .pid ? made.holder : made.maker
                let link = "/proc/\(process)/ns/\(kind.linkName)"
                let descriptor = try during("open \(link)") { () throws(Errno) in
                    try OwnedDescriptor.open(link, .readOnly)
                }
                keep(DescriptorBox(descriptor), as: kind.rawValue)
            }
        } catch {
            endHolder()
            throw error
        }
    }

    deinit { endHolder() }

    /// Ends the first process, and with it all that share its namespace. It is the caller who collects it.
    func endHolder() {
        if holder > 0 { kill(holder, SIGKILL) }
        holder = 0
    }

    /// The holder has ended; its process id may be another's.
    func forgetHolder() { holder = 0 }

    private func keep(_ descriptor: DescriptorBox, as kind: String) {
        guard let number = descriptor.rawValue else { return }
        kept.append(descriptor)
        paths[kind] = "/proc/\(getpid())/fd/\(number)"
    }

    /// The user namespace that the caller made the network in; nothing when that is the host's.
    private static func owner(of network: DescriptorBox) throws(ShimFailure) -> DescriptorBox? {
        let number = network.rawValue ?? -1
        let owner = try during("open the network's user namespace") { () throws(Errno) in
            OwnedDescriptor(adopting: try checked { clinux_ioctl_value(number, UInt(CLINUX_NS_GET_USERNS), 0) })
        }
        let isOurs = try during("look at a user namespace") { () throws(Errno) in
            try fileStatus(owner.rawValue).inode == fileStatus(at: "/proc/self/ns/user").inode
        }
        return isOurs ? nil : DescriptorBox(owner)
    }

    private static func make(_ plan: PodPlan, network: Int32?, user: Int32?) throws(ShimFailure) -> cpod_result {
        let words = CStringArray(plan.parameters.flatMap { [$0.path, $0.value] } + (plan.hostname.map { [$0] } ?? []))
        let parameters = plan.parameters.indices.map { index in
            cpod_parameter(path: words.pointer[2 * index], value: words.pointer[2 * index + 1])
        }
        var result = cpod_result()
        let code = parameters.withUnsafeBufferPointer { parameters in
            var request = cpod_request(
                namespaces: plan.namespaces.rawValue, network: network ?? -1, user: user ?? -1,
                hostname: plan.hostname == nil ? nil : UnsafePointer(words.pointer[2 * parameters.count]),
                parameters: parameters.baseAddress, parameter_count: Int32(parameters.count),
                has_holder: plan.sharesProcesses ? 1 : 0)
            return cpod_make(&request, &result)
        }
        if code == 0 { return result }
        let cause = Errno(rawValue: errno)
        throw ShimFailure(step(result, plan), cause)
    }

    /// The failed operation.
    private static func step(_ result: cpod_result, _ plan: PodPlan) -> String {
        switch UInt32(result.step) {
        case CPOD_JOIN_NETWORK.rawValue: return "join the network namespace \(plan.network)"
        case CPOD_JOIN_USER.rawValue: return "join the pod's user namespace"
        case CPOD_MAKE_NAMESPACES.rawValue: return "make the pod's namespaces"
        case CPOD_SET_HOSTNAME.rawValue: return "set hostname \(plan.hostname ?? "")"
        case CPOD_SET_PARAMETER.rawValue:
            let parameter = plan.parameters[Int(result.parameter)]
            return "sysctls: write \(parameter.value) to \(parameter.path)"
        case CPOD_HOLDER_ROOT.rawValue: return "give the pod's first process an empty root"
        case CPOD_HOLDER_IDENTITY.rawValue: return "take all rights from the pod's first process"
        case CPOD_CLONE_HOLDER.rawValue, CPOD_HOLDER_EXEC.rawValue: return "start the pod's first process"
        default: return "start a process that makes the pod's namespaces"
        }
    }
}

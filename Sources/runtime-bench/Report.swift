// The measurements as a table or as JSON: medians, and their comparison with the first runtime's.

internal import Foundation

struct Report {
    private let contenders: [String]
    private let earlier: String?
    private var order: [String] = []
    private var samples: [String: [String: [Double]]] = [:]
    private var noteOrder: [String] = []
    private var notes: [String: [String: Int]] = [:]

    /// `earlier` is the contender whose ratios get confidence intervals.
    init(contenders: [String], earlier: String?) { (self.contenders, self.earlier) = (contenders, earlier) }

    /// Adds a time in seconds.
    mutating func add(_ group: String, _ operation: String, _ contender: String, _ seconds: Double) {
        let name = "\(group): \(operation)"
        if samples[name] == nil { order.append(name) }
        samples[name, default: [:]][contender, default: []].append(seconds)
    }

    /// Adds a value that needs no median.
    mutating func note(_ name: String, _ contender: String, _ value: Int) {
        if notes[name] == nil { noteOrder.append(name) }
        notes[name, default: [:]][contender] = value
    }

    private func median(_ name: String, _ contender: String) -> Double? {
        guard let sorted = samples[name]?[contender]?.sorted(), !sorted.isEmpty else { return nil }
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }

    /// Medians in milliseconds, and in brackets the first runtime's time as a fraction of each.
    func table() -> String {
        var lines = [row("median, ms (share that \(contenders[0]) takes)", contenders)]
        for name in order {
            let own = median(name, contenders[0])
            lines.append(
                row(
                    name,
                    contenders.enumerated().map { index, contender in
                        guard let value = median(name, contender) else { return "-" }
                        let time = String(format: "%.2f", value * 1000)
                        guard index > 0, let own else { return time }
                        if contender == earlier, let interval = interval(name) { return "\(time) (\(interval))" }
                        return "\(time) (\(String(format: "%.2f", own / value)))"
                    }))
        }
        for name in noteOrder {
            lines.append(row(name, contenders.map { notes[name]?[$0].map(String.init) ?? "-" }))
        }
        return lines.joined(separator: "\n")
    }

    private func interval(_ name: String) -> String? {
        guard let earlier, let own = samples[name]?[contenders[0]], let other = samples[name]?[earlier],
            let interval = Interval(own, over: other)
        else { return nil }
        let numbers = [interval.median, interval.range.lowerBound, interval.range.upperBound]
        let texts = numbers.map { String(format: "%.2f", $0) }
        return "\(texts[0]), \(texts[1]) to \(texts[2])"
    }

    private func row(_ name: String, _ cells: [String]) -> String {
        let width = 40
        let padded = name + String(repeating: " ", count: max(1, width - name.count))
        return padded + cells.map { String(repeating: " ", count: max(1, 16 - $0.count)) + $0 }.joined()
    }

    /// All results: median, minimum and maximum in milliseconds, and the other values.
    func json() throws -> String {
        var times: [[String: Any]] = []
        for name in order {
            for contender in contenders {
                guard let values = samples[name]?[contender], let middle = median(name, contender) else { continue }
                times.append([
                    "measurement": name, "runtime": contender, "runs": values.count, "median": middle * 1000,
                    "least": (values.min() ?? 0) * 1000, "greatest": (values.max() ?? 0) * 1000,
                ])
            }
        }
        let object: [String: Any] = ["unit": "ms", "times": times, "figures": notes]
        let data = try JSONSerialization.data(withJSONObject: object, options: [.prettyPrinted, .sortedKeys])
        return String(decoding: data, as: UTF8.self)
    }
}

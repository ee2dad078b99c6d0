// The ratio of two builds' times, and how well the runs determine it.

internal import Glibc

/// The median ratio of paired times, with its 95 % confidence interval.
///
/// The interval is the one of the sign test: the order statistics between which the true median lies in 95 of 100
/// benches, whatever the distribution of the times.
struct Interval {
    let median: Double
    let range: ClosedRange<Double>

    /// Nil below six pairs, for which no such interval exists.
    init?(_ own: [Double], over other: [Double]) {
        let ratios = zip(own, other).map { $0 / $1 }.sorted()
        guard let outside = Self.outside(of: ratios.count) else { return nil }
        median = (ratios[(ratios.count - 1) / 2] + ratios[ratios.count / 2]) / 2
        range = ratios[outside]...ratios[ratios.count - 1 - outside]
    }

    /// The number of values on each side that lie outside of the interval: the largest k for which at most k - 1 of
    /// `count` tosses of a coin are heads with a probability of at most 2.5 %, less one.
    private static func outside(of count: Int) -> Int? {
        var (probability, sum, result) = (pow(0.5, Double(count)), 0.0, Int?.none)
        for heads in 0..<count {
            sum += probability
            guard sum <= 0.025 else { break }
            result = heads
            probability *= Double(count - heads) / Double(heads + 1)
        }
        return result
    }
}

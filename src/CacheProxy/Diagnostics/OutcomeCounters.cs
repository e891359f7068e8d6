using CacheProxy.Http;
using CacheProxy.Pipeline;

namespace CacheProxy.Diagnostics;

/// <summary>
/// Counts requests and bytes by outcome. A hit pays for two additions to memory that its core has to itself: every core has its own
/// stripe of counters, and readers add the stripes up. A stripe is chosen by the core that runs now; if the thread moves in between, the
/// addition is still atomic, only slower.
/// </summary>
/// <param name="stripes">One for each core.</param>
internal sealed class OutcomeCounters(int stripes)
{
    private static readonly int Forwards = Enum.GetValues<ForwardReason>().Length;
    private static readonly int Results = Enum.GetValues<CacheResult>().Length;

    /// <summary>Result, forward reason, stored, collapsed.</summary>
    private static readonly int Combinations = Results * Forwards * 2 * 2;

    /// <summary>Requests and bytes; a stripe is some kilobytes long, so neighbours share at most one cache line.</summary>
    private static readonly int StripeLength = Combinations * 2;

    private readonly long[][] _stripes = Array.ConvertAll(new long[stripes][], _ => new long[StripeLength]);

    /// <summary>Counts one request and what its answer's body had.</summary>
    public void Add(in Outcome outcome, long bodyBytes)
    {
        var stripe = _stripes[(uint)Thread.GetCurrentProcessorId() % (uint)_stripes.Length];
        var index = Index(outcome) * 2;
        Interlocked.Increment(ref stripe[index]);
        Interlocked.Add(ref stripe[index + 1], bodyBytes);
    }

    /// <summary>What was counted, for each combination that occurred.</summary>
    public IEnumerable<(Outcome Outcome, long Requests, long BodyBytes)> Read()
    {
        for (var combination = 0; combination < Combinations; combination++)
        {
            long requests = 0, bytes = 0;
            foreach (var stripe in _stripes)
            {
                requests += Volatile.Read(ref stripe[combination * 2]);
                bytes += Volatile.Read(ref stripe[(combination * 2) + 1]);
            }

            if (requests > 0)
                yield return (At(combination), requests, bytes);
        }
    }

    private static int Index(in Outcome o) =>
        (((((int)o.Result * Forwards) + (int)o.Forward) * 2) + (o.Stored ? 1 : 0)) * 2 + (o.Collapsed ? 1 : 0);

    private static Outcome At(int index) => new(
        (CacheResult)(index / 4 / Forwards), (ForwardReason)(index / 4 % Forwards), Stored: (index & 2) != 0, Collapsed: (index & 1) != 0);
}

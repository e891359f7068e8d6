using CacheProxy.Http;
using CacheProxy.Policy;
using CacheProxy.Storage;

namespace CacheProxy.Fetching;

internal enum FlightAnswerKind
{
    /// <summary>The origin's response, in the recording.</summary>
    Recorded,

    /// <summary>The origin confirmed the stored response (304).</summary>
    Freshened,

    /// <summary>Another node has stored it.</summary>
    Found,

    /// <summary>The origin failed, and the stored response may stand in.</summary>
    StaleOnError,

    /// <summary>Nothing to share: each goes to the origin by itself.</summary>
    Alone,

    /// <summary>The fetch broke before a head.</summary>
    Failed,
}

/// <summary>What a fetch came to, as soon as the head is known.</summary>
internal sealed record FlightAnswer(FlightAnswerKind Kind)
{
    public static readonly FlightAnswer Failed = new(FlightAnswerKind.Failed);

    public static readonly FlightAnswer Alone = new(FlightAnswerKind.Alone);

    /// <summary>The origin's head as it goes to clients, for <see cref="FlightAnswerKind.Recorded"/>.</summary>
    public ResponseHead? Head { get; init; }

    /// <summary>The same as it goes to those who did not lead: without what the origin names for one client alone (RFC 9111 sections 5.2.2.4 and 5.2.2.7), and cookies.</summary>
    public ResponseHead? SharedHead { get => field ?? Head; init; }

    /// <summary>What the store says of it.</summary>
    public StoreDecision Decision { get; init; }

    /// <summary>Freshness left at receipt.</summary>
    public TimeSpan TimeToLive { get; init; }

    /// <summary>May go to those who did not lead, if they select it.</summary>
    public bool IsShared { get; init; }

    /// <summary>The length of the body to come; <c>null</c> when unknown.</summary>
    public long? ContentLength { get; init; }

    /// <summary>For whom it is: see <see cref="StoredResponse.VaryFields"/>.</summary>
    public string[] VaryFields { get; init; } = [];

    public string?[] VaryValues { get; init; } = [];

    /// <summary>The origin's status code where the answer is not its response; <c>null</c> when it gave none.</summary>
    public int? ForwardStatus { get; init; }

    /// <summary>Parts of this incomplete response are in the recording, which has its head and numbers alone; <c>null</c>: what is recorded is an answer in itself.</summary>
    public StoredResponse? Whole { get; init; }

    /// <summary>The response to answer from, for <see cref="FlightAnswerKind.Freshened"/> and <see cref="FlightAnswerKind.StaleOnError"/>: kept by the flight.</summary>
    public StoredResponse? Stored { get; init; }
}

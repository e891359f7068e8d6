using CacheProxy.Fetching;
using CacheProxy.Http;
using CacheProxy.Keys;
using CacheProxy.Policy;
using CacheProxy.Storage;
using Microsoft.AspNetCore.Http;

namespace CacheProxy.Pipeline;

/// <summary>
/// One answer from a response that is stored in parts: those that are here, and such as are asked for while it is written (RFC 9111 section 3.4).
/// </summary>
/// <remarks>
/// It goes in legs: what is stored from where it stands, then the run of parts that is missing there, by one request of the origin. Nothing is written before
/// the first such request has been answered as it should: until then the request can take any other way. Later legs, which bring what was missing further on or
/// was cut, can only go on or break off.
/// </remarks>
internal sealed class PartialAnswer(CacheCore core, RequestDelegate next, HttpContext context, FetchOrder order, StoredResponse stored, ResponseHead head, Selection selection)
{
    /// <summary>So many requests at most for one answer.</summary>
    private const int MostLegs = 4;

    private readonly PartGrid _grid = new(Parts.SizeFor(order.Settings.MaxBodyBytes), stored.BodyLength);
    private readonly long _end = selection.Offset + selection.Length;
    private readonly string _wholeKey = CollapseKey.Of(order.CacheKey, HasCredentials(core, context), stored.VaryFields, context.Request.Headers);
    private long _place = selection.Offset;
    private ResponseHead _head = head;
    private StoredResponse _stored = stored; // for its numbers: it is not held
    private bool _hasBegun;
    private bool _isGone;
    private bool _isOvertaken;

    /// <param name="whenStored">How it is answered where nothing is missing.</param>
    /// <param name="forwardStatus">What the origin has said to a question on the stored response; <c>null</c>: it was not asked.</param>
    /// <param name="reason">Why the origin is asked for what is missing.</param>
    /// <returns>Whether the request is answered; otherwise nothing has been written.</returns>
    public async ValueTask<bool> RunAsync(Outcome whenStored, int? forwardStatus, ForwardReason reason)
    {
        if (_grid.Size == 0 || core.Coalescer.IsUncacheable(_wholeKey, core.Clock.Now))
            return false;
        // The whole of what is large takes the way it always has, unless it is all here.
        if (selection.StatusCode == StatusCodes.Status200OK && (_grid.Count > core.Parts.Most(_grid.Size) || Missing() is not null))
            return false;
        var outcome = whenStored;
        try
        {
            for (var leg = 0; _place < _end && !_isGone; leg++)
            {
                var missing = Missing();
                if (leg == MostLegs - 2 && missing is { } rest)
                    missing = (rest.First, _grid.IndexOf(_end - 1)); // whatever is stored further on: one request is left, should this one be cut
                var boarding = missing is { } run && leg < MostLegs ? await BoardAsync(run) : null;
                try
                {
                    if (_isOvertaken)
                    {
                        (_isOvertaken, leg) = (false, leg - 1);
                        continue;
                    }
                    if (missing is not null && boarding is null)
                        return BreakOff();
                    if (boarding is { } fetched)
                        Take(fetched, ref outcome, ref forwardStatus, reason);
                    if (!_hasBegun)
                        Begin(outcome, forwardStatus);
                    await WriteStoredAsync(missing is { } gap ? Math.Min(gap.First * _grid.Size, _end) : _end);
                    if (boarding is not null && !_isGone && missing is { } there && _place >= there.First * _grid.Size)
                        await WriteFetchedAsync(boarding, there);
                }
                finally
                {
                    boarding?.Flight.Leave(boarding.Reader);
                }
            }
        }
        finally
        {
            if (_hasBegun)
                core.Metrics.Record(outcome, _place - selection.Offset);
        }
        return true;
    }

    private (long First, long Last)? Missing() => core.Parts.Missing(order.CacheKey, _grid, _place, _end, _stored, _head, context.Request.Headers);

    private bool BreakOff()
    {
        if (!_hasBegun)
            return false;
        core.Coalescer.RememberUncacheable(_wholeKey, core.Clock.Now); // for a while it goes to the origin as it comes
        context.Abort(); // never end a cut body cleanly
        return true;
    }

    /// <summary>The head is the newest one's (section 3.4).</summary>
    private void Take(Coalescer.Boarding boarding, ref Outcome outcome, ref int? forwardStatus, ForwardReason reason)
    {
        if (_hasBegun)
            return;
        var answer = boarding.Flight.Answer!;
        (_head, _stored) = (answer.Head!, answer.Whole!);
        outcome = new Outcome(CacheResult.Miss, reason, Stored: true, answer.Decision.Reason, Collapsed: !boarding.Leads);
        forwardStatus = StatusCodes.Status206PartialContent;
    }

    private void Begin(in Outcome outcome, int? forwardStatus)
    {
        _hasBegun = true;
        var age = _stored.AgeAt(core.Clock.Now);
        var told = outcome with { TimeToLive = _stored.FreshnessLifetime - age };
        Delivery.WriteHead(context.Response, _head, selection, _grid.CompleteLength, age, CacheStatusText.Of(told, forwardStatus, core.ShowsKey ? order.CacheKey : null));
    }

    private async ValueTask WriteStoredAsync(long end)
    {
        while (_place < end && !_isGone)
        {
            var index = _grid.IndexOf(_place);
            if (core.Parts.Read(order.CacheKey, _grid, index, _stored, _head, context.Request.Headers) is not { } body)
                return; // gone at this moment
            var offset = _place - (index * _grid.Size);
            using var writer = PieceWriter.Of(context, core.Deliveries, body);
            foreach (var piece in body.Pieces(offset, Math.Min(body.Length - offset, end - _place)))
            {
                if (!await writer.WriteAsync(piece))
                {
                    _isGone = true;
                    return;
                }
                _place += piece.Length;
            }
        }
    }

    private async ValueTask WriteFetchedAsync(Coalescer.Boarding boarding, (long First, long Last) run)
    {
        var range = _grid.RangeOf(run.First, run.Last);
        var wanted = Math.Min(range.Last + 1, _end) - _place;
        using var writer = PieceWriter.Of(context, core.Deliveries, boarding.Flight.Recording, range.Length);
        (var left, _isGone) = await Delivery.CopyAsync(boarding.Reader, writer, _place - range.First, wanted, context.RequestAborted);
        _place += wanted - left;
    }

    /// <summary>Asks the origin for a run of parts, or waits with others who need the same.</summary>
    /// <returns><c>null</c> when this does not bring them.</returns>
    private async ValueTask<Coalescer.Boarding?> BoardAsync((long First, long Last) run)
    {
        var request = RequestOf();
        var settings = order.Settings;
        // What this request brings must be storable, and its answer for others too: else it goes to the origin by itself.
        if (request.CacheControl.OnlyIfCached || !Storability.Decide(request, _head, TimeSpan.Zero, settings.Policy).Store
            || CdnLoop.Names(context.Request.Headers[CdnLoop.FieldName], core.LoopName))
            return null;
        var part = new PartOrder(_stored, _head, _grid, run.First, run.Last, _wholeKey);
        var partKey = core.Parts.KeyOf(order.CacheKey, _grid, run.First);
        // With the version: what is known of the parts of one says nothing of another's.
        var key = CollapseKey.Of($"{order.CacheKey} part {_grid.Size} {run.First}-{run.Last} {_head.EntityTag}", request.HasCredentials, _stored.VaryFields, context.Request.Headers);
        // Once bytes have gone out nothing that others do may spoil it.
        var isShared = !_hasBegun && part.Range.Length <= settings.MaxBodyBytes;
        if (isShared && core.Coalescer.IsUncacheable(key, core.Clock.Now))
            return null;
        Coalescer.Boarding? boarding;
        if (isShared)
        {
            // As the store was when they were missing: a flight stores before it goes.
            var known = core.Store.Find(partKey, core.Clock.Now);
            boarding = Missing() == run ? core.Coalescer.JoinOrLead(key, order.Need, core.BeginFlight(settings, partKey, known)) : null;
            _isOvertaken = boarding is null;
            if (boarding is null)
                return null;
        }
        else
        {
            var flight = core.NewFlight(settings, key, partKey, core.Node.Standing);
            boarding = new Coalescer.Boarding(flight, flight.TryBoard(leads: true)!, Leads: true);
        }
        var isAboard = false;
        try
        {
            if (boarding.Leads)
            {
                core.Fetcher.Start(context, next, boarding.Flight, order with { Part = part, Validating = null, Stale = null });
                await boarding.Reader.HeadAsync(context.RequestAborted);
            }
            var answer = boarding.Flight.Answer ?? await boarding.Flight.AnswerAsync(context.RequestAborted);
            isAboard = answer.Whole is { } whole && Parts.IsSame(answer.Head!.EntityTag, whole.BodyLength, _head, _grid.CompleteLength)
                && (boarding.Leads || (!boarding.Flight.IsOvertaken(core.Node) && core.MayShare(answer, RequestOf(), order)));
            return isAboard ? boarding : null;
        }
        finally
        {
            if (!isAboard)
                boarding.Flight.Leave(boarding.Reader);
        }
    }

    private static bool HasCredentials(CacheCore core, HttpContext context) =>
        new RequestHead(context.Request.Method, context.Request.Headers, core.CredentialFields).HasCredentials;

    private RequestHead RequestOf() => new(context.Request.Method, context.Request.Headers, core.CredentialFields);
}

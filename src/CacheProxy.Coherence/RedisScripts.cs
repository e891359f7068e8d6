namespace CacheProxy.Coherence;

/// <summary>What runs inside Redis (5.0 or later): each script is one round trip and nothing runs in between.</summary>
/// <remarks>
/// <code>
/// {prefix}:order   string: the whole state, so that it is lost as a whole or not at all
///    0      16   generation, hexadecimal digits
///   16      16   nonce of the last entry
///   32       8   sequence of the last entry (numbers are big-endian)
///   40   3 x 8   sequence of the last invalidation of everything: soft, invalid, hard
///   64   3 x 8   sequence of the last ban: soft, invalid, hard
///   88      40   0
///  128    ...    the slots of Marks as sequences: soft, invalid, hard; 2 x 2^18 x 8 bytes each
/// {prefix}:inv     stream, ids {sequence}-0, about 10,000 entries: o origin, k its number, n nonce, w awaited, p payload (InvalidationCodec)
/// {prefix}:nodes   hash: node id -> "generation applied time number"; time is Redis' own, in ms; "" -> since when the hash exists
/// {prefix}:lease:  strings: hash of the lease's text -> "token sequence node": the place it was given at, and to whom
/// {prefix}:1:      hashes: SHA-256 of the key -> name -> when it was stored (Redis' own time in ms, 8 bytes), RemoteItemCodec
/// </code>
/// The braces are part of the names: one slot of a cluster.
/// </remarks>
internal static class RedisScripts
{
    public const int HeadBytes = 128;
    public const int MaxEntries = 500;

    private const string Prelude = """
        local ROW, HEAD = 262144, 128
        local function num(s, at)
          if #s < at + 7 then return 0 end
          local n = struct.unpack('>I8', s, at)
          return n
        end
        local function slot(row, hash)
          local b4, b5, b6, b7, b8 = string.byte(hash, 4, 8)
          if row == 0 then return b8 + b7 * 256 + (b6 % 4) * 65536 end
          return ROW + math.floor(b6 / 4) + b5 * 64 + (b4 % 16) * 16384
        end
        local function offset(strength, row, hash) return HEAD + ((strength - 1) * 2 * ROW + slot(row, hash)) * 8 end
        local function head(key)
          local h = redis.pcall('GETRANGE', key, 0, HEAD - 1)
          if type(h) ~= 'string' or #h < HEAD or not string.find(string.sub(h, 1, 32), '^%x+$') then return nil end
          local seq = num(h, 33)
          if seq > 2^52 or seq < 1 then return nil end
          return { raw = h, gen = string.sub(h, 1, 16), nonce = string.sub(h, 17, 32), seq = seq }
        end
        local function nonce_at(inv, h, seq)
          if seq == h.seq then return h.nonce end
          local found = redis.pcall('XRANGE', inv, string.format('%d-0', seq), string.format('%d-0', seq))
          if found.err or #found == 0 then return nil end
          local fields = found[1][2]
          for i = 1, #fields, 2 do if fields[i] == 'n' then return fields[i + 1] end end
          return nil
        end
        local function marked(order, h, strength, hashes, fill)
          if num(h.raw, 33 + strength * 8) > fill then return true end
          for i = 1, #hashes - 7, 8 do
            local hash = string.sub(hashes, i, i + 7)
            local at = offset(strength, 0, hash)
            if num(redis.call('GETRANGE', order, at, at + 7), 1) > fill then
              at = offset(strength, 1, hash)
              if num(redis.call('GETRANGE', order, at, at + 7), 1) > fill then return true end
            end
          end
          return false
        end
        local function ban(h, strength) return num(h.raw, 57 + strength * 8) end
        local function parse(bytes)
          if type(bytes) ~= 'string' or #bytes < 46 or string.sub(bytes, 1, 4) ~= 'CPI1' then return nil end
          local count = struct.unpack('>I2', bytes, 37)
          if #bytes < 46 + count * 8 then return nil end
          return { gen = string.sub(bytes, 5, 20), fill = num(bytes, 21), version = num(bytes, 29), hashes = string.sub(bytes, 47, 46 + count * 8) }
        end
        local function kept(bytes) return type(bytes) == 'string' and parse(string.sub(bytes, 9)) or nil, num(bytes, 1) end
        local function clock()
          local time = redis.call('TIME')
          return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
        end

        """;

    /// <summary>KEYS order, inv, nodes. One exchange of <see cref="IOrder"/>.</summary>
    public const string Exchange = Prelude + """
        local order, inv, nodes = KEYS[1], KEYS[2], KEYS[3]
        for key, kind in pairs({ [order] = 'string', [inv] = 'stream', [nodes] = 'hash' }) do
          local is = redis.call('TYPE', key).ok
          if is ~= kind and is ~= 'none' then redis.call('DEL', key) end
        end
        local me, gen, applied, nonce, candidate = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
        local wants_nodes, live, max, prefix = ARGV[6] == '1', tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9]

        local function put(at, n) redis.call('SETRANGE', order, at, struct.pack('>I8', n)) end
        local function add(seq, n, ...)
          local id = string.format('%d-0', seq)
          if redis.pcall('XADD', inv, 'MAXLEN', '~', 10000, id, 'n', n, ...).err then
            redis.call('DEL', inv) -- somebody else's ids: nodes load the marks
            redis.call('XADD', inv, id, 'n', n, ...)
          end
          put(32, seq)
          redis.call('SETRANGE', order, 16, n)
        end
        local function begin(seq)
          redis.call('SETRANGE', order, 0, candidate)
          add(seq, candidate)
        end

        local h, kind = head(order), 0
        if not h then
          redis.call('DEL', order, inv)
          redis.call('SETRANGE', order, HEAD - 1, '\0')
          begin(1)
          h = head(order)
        end
        if gen ~= h.gen then
          kind = 2
          if tonumber(string.sub(gen, 1, 6), 16) >= tonumber(string.sub(h.gen, 1, 6), 16) then -- the asker has been further: this is an older self
            begin(h.seq + 1)
            h = head(order)
          end
        else
          local there = applied <= h.seq and nonce_at(inv, h, applied)
          if there == nil then
            kind = 1
          elseif there ~= nonce then -- history has forked, or gone back: all must know
            begin(math.max(h.seq, applied) + 1)
            h = head(order)
            kind = 2
          end
        end

        local now = clock()
        local _, _, number = string.find(redis.call('HGET', nodes, me) or '', '^%x+ %d+ %d+ (%d+)$')
        number = tonumber(number or 0)

        local at = 10
        local function take() at = at + 1; return ARGV[at - 1] end
        for _ = 1, tonumber(take()) do redis.call('PUBLISH', prefix .. ':bell:' .. take(), '') end
        local seq = h.seq
        for _ = 1, tonumber(take()) do
          local k, awaited, strength, all, banned, n, hashes, payload = tonumber(take()), take(), tonumber(take()), take(), take(), take(), take(), take()
          if k > number then
            number, seq = k, seq + 1
            for i = 1, #hashes - 7, 8 do
              local hash = string.sub(hashes, i, i + 7)
              put(offset(strength, 0, hash), seq)
              put(offset(strength, 1, hash), seq)
              redis.call('DEL', prefix .. ':lease:' .. hash)
            end
            if all == '1' then put(32 + strength * 8, seq) end
            if banned == '1' then put(56 + strength * 8, seq) end
            add(seq, n, 'o', me, 'k', string.format('%d', k), 'w', awaited, 'p', payload)
          end
        end
        if seq > h.seq then redis.call('PUBLISH', prefix .. ':bell', '') end
        h = head(order)

        local told = kind == 0 and applied or 0
        redis.call('HSETNX', nodes, '', string.format('%d', now))
        local young = now - (tonumber(redis.call('HGET', nodes, '')) or now) < live
        if redis.call('HSET', nodes, me, string.format('%s %d %d %d', h.gen, told, now, number)) == 1 or wants_nodes then
          local known, list = redis.call('HGETALL', nodes), {}
          for i = 1, #known, 2 do
            local _, _, its, its_applied, heard = string.find(known[i + 1], '^(%x+) (%d+) (%d+) %d+$')
            local age = heard and now - tonumber(heard) or 1e15
            if known[i] == '' then -- no node
            elseif age > 3600000 then redis.call('HDEL', nodes, known[i])
            else
              for _, text in ipairs({ known[i], its, its_applied, string.format('%d', math.max(age, 0)) }) do list[#list + 1] = text end
            end
          end
          if young then -- there may be nodes that trust themselves and that this Redis has not heard of yet
            for _, text in ipairs({ '?', '0', '0', '0' }) do list[#list + 1] = text end
          end
          nodes = list
        else
          nodes = {}
        end
        local entries = {}
        if kind == 0 and applied < h.seq then
          entries = redis.call('XRANGE', inv, string.format('%d-0', applied + 1), '+', 'COUNT', max)
        end
        return { kind, h.raw, entries, nodes }
        """;

    /// <summary>
    /// KEYS order, inv, item, lease, nodes. ARGV generation, applied, nonce, token (empty: no lease), milliseconds of the lease, most bytes to answer, node
    /// id, milliseconds after which a silent node can no longer store what its leases are for.
    /// </summary>
    public const string Find = Prelude + """
        local h = head(KEYS[1])
        if not h or h.gen ~= ARGV[1] then return { 'X' } end
        local applied = tonumber(ARGV[2])
        if applied > h.seq or nonce_at(KEYS[2], h, applied) ~= ARGV[3] then return { 'X' } end
        local items = redis.pcall('HGETALL', KEYS[3])
        local reply, size, bad, now = { 'F', h.raw, 0 }, 0, 0, clock()
        if items.err then
          redis.call('DEL', KEYS[3])
          items, bad = {}, 1
        end
        for i = 1, #items, 2 do
          local item, since = kept(items[i + 1])
          if not item then
            redis.call('HDEL', KEYS[3], items[i])
            bad = bad + 1
          elseif item.gen == h.gen and item.fill <= h.seq and size + #items[i + 1] <= tonumber(ARGV[6])
              and not marked(KEYS[1], h, 3, item.hashes, item.fill) and not marked(KEYS[1], h, 2, item.hashes, item.fill) then
            local banned = math.max(ban(h, 1), ban(h, 2), ban(h, 3))
            if banned <= item.fill or banned <= applied then
              size = size + #items[i + 1]
              reply[#reply + 1] = items[i]
              reply[#reply + 1] = marked(KEYS[1], h, 1, item.hashes, item.fill) and 1 or 0
              reply[#reply + 1] = string.sub(items[i + 1], 9)
              reply[#reply + 1] = math.max(0, now - since)
            end
          end
        end
        reply[3] = bad
        if #reply > 3 then return reply end
        if ARGV[4] ~= '' then
          local mine = string.format('%s %d %s', ARGV[4], h.seq, ARGV[7])
          local held = redis.pcall('GET', KEYS[4])
          local _, _, since, holder = string.find(type(held) == 'string' and held or '', '^%d+ (%d+) (.+)$')
          since = tonumber(since)
          if since then -- nobody waits for a node that is gone, or cut off
            local place = redis.pcall('HGET', KEYS[5], holder)
            local heard = tonumber(type(place) == 'string' and string.match(place, '^%x+ %d+ (%d+) %d+$') or nil)
            if not heard or now - heard > tonumber(ARGV[8]) then since = nil end
          end
          if since then -- what names everything, or keys by a rule, takes all leases away
            for strength = 1, 3 do if num(h.raw, 33 + strength * 8) > since or ban(h, strength) > since then since = nil break end end
          end
          if since then return { 'H', h.raw, bad } end
          redis.call('SET', KEYS[4], mine, 'PX', ARGV[5])
        end
        return { 'M', h.raw, bad }
        """;

    /// <summary>
    /// KEYS order, inv, item, lease. ARGV generation, applied, nonce, token (empty: no lease), name, bytes, milliseconds to keep, most items, "newer" or
    /// "fill", most bytes of all items. Answers what became of it.
    /// </summary>
    public const string Store = Prelude + """
        local h = head(KEYS[1])
        if not h or h.gen ~= ARGV[1] then return 'generation' end
        local applied = tonumber(ARGV[2])
        if applied > h.seq or nonce_at(KEYS[2], h, applied) ~= ARGV[3] then return 'generation' end
        local item, name, newer = parse(ARGV[6]), ARGV[5], ARGV[9] == 'newer'
        if not item or item.gen ~= h.gen or item.fill > h.seq then return 'generation' end
        if ARGV[4] ~= '' then
          local held = redis.pcall('GET', KEYS[4])
          if type(held) ~= 'string' or string.match(held, '^(%d+) ') ~= ARGV[4] then return 'lease' end
          redis.call('DEL', KEYS[4])
        end
        if not newer then
          if ban(h, 2) > item.fill or ban(h, 3) > item.fill
              or marked(KEYS[1], h, 2, item.hashes, item.fill) or marked(KEYS[1], h, 3, item.hashes, item.fill) then return 'overtaken' end
        end
        local old = redis.pcall('HGET', KEYS[3], name)
        if type(old) == 'table' then
          redis.call('DEL', KEYS[3])
          old = nil
        end
        old = old and kept(old)
        if old and item.version > 0 and (old.version > item.version or (newer and old.version == item.version)) then return 'older' end
        local others, bytes, count = redis.call('HKEYS', KEYS[3]), #ARGV[6] + 8, 1
        for _, other in ipairs(others) do -- what one answer does not hold would cost each search and never be found
          if other ~= name then
            bytes, count = bytes + redis.call('HSTRLEN', KEYS[3], other), count + 1
            if count > tonumber(ARGV[8]) or bytes > tonumber(ARGV[10]) then
              bytes, count = bytes - redis.call('HSTRLEN', KEYS[3], other), count - 1
              redis.call('HDEL', KEYS[3], other)
            end
          end
        end
        redis.call('HSET', KEYS[3], name, struct.pack('>I8', clock()) .. ARGV[6])
        local keep = tonumber(ARGV[7])
        if redis.call('HLEN', KEYS[3]) > 1 then keep = math.max(keep, redis.call('PTTL', KEYS[3])) end
        redis.call('PEXPIRE', KEYS[3], string.format('%d', keep))
        return 'stored'
        """;

    /// <summary>KEYS lease. ARGV token.</summary>
    public const string Release = """
        local held = redis.pcall('GET', KEYS[1])
        if type(held) == 'string' and string.match(held, '^(%d+) ') == ARGV[1] then redis.call('DEL', KEYS[1]) end
        return 'ok'
        """;
}

-- Takes from limits, corrects them, and keeps count of what every node holds; all of one call, or nothing of it.
--
-- KEYS[1]   sorted set of the nodes, by the millisecond at which they count as gone
-- ARGV[1]   this node
-- then one operation after the other, each with its own keys in the same order:
--   beat TTL_MS            this node lives for so long; answers how many do
--   hold COUNT             of this slot key this node holds so many
--   post NS                this rate key is corrected by so many nanoseconds
--   take N, then N times   all of these or none; answers the number of the first that has no room (0: taken), how long
--        rate NS            to wait in nanoseconds (-1: nobody knows), and for every rate how long until it is full
--        slot LIMIT
--   leave                  this node is gone
--
-- A rate key holds the moment (nanoseconds of Unix time, as text: too large for a number here) at which everything
-- that was taken has flowed back. How far it lies ahead is small enough to be counted exactly.

local MINUTE_NS = 60000000000
local FARTHEST_NS = 4503599627370496
local SLOTS_MS = 60000

local nodes, me = KEYS[1], ARGV[1]
local time = redis.call('TIME')
local now_s, now_ns = tonumber(time[1]), tonumber(time[2]) * 1000
local now_ms = now_s * 1000 + math.floor(now_ns / 1000000)
local key_at, arg_at = 1, 1
local answers = {}

local function next_key()
  key_at = key_at + 1
  return KEYS[key_at]
end

local function next_arg()
  arg_at = arg_at + 1
  return ARGV[arg_at]
end

local function answer(number)
  answers[#answers + 1] = number
end

local alive
local function lives(node)
  if not alive then
    alive = {}
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', nodes, '(' .. string.format('%d', now_ms), '+inf')) do
      alive[id] = true
    end
  end
  return node == me or alive[node]
end

local function used_ns(key)
  local full_at = redis.call('GET', key)
  if not full_at then return 0 end
  local seconds, rest = tonumber(string.sub(full_at, 1, -10)), tonumber(string.sub(full_at, -9))
  return math.max((seconds - now_s) * 1000000000 + (rest - now_ns), 0)
end

local function keep(key, used)
  if used <= 0 then
    redis.call('DEL', key)
    return
  end
  local ahead = now_ns + math.min(used, FARTHEST_NS)
  local rest = ahead % 1000000000
  local seconds = now_s + (ahead - rest) / 1000000000
  local expires_ms = string.format('%d', math.ceil(math.min(used, FARTHEST_NS) / 1000000))
  redis.call('SET', key, string.format('%d%09d', seconds, rest), 'PX', expires_ms)
end

local function held_by_all(key)
  local all, held = redis.call('HGETALL', key), 0
  for index = 1, #all, 2 do
    if lives(all[index]) then
      held = held + tonumber(all[index + 1])
    else
      redis.call('HDEL', key, all[index])
    end
  end
  return held
end

local function take()
  local count, refused, wait, planned = tonumber(next_arg()), 0, 0, {}
  for index = 1, count do
    local key, kind, number = next_key(), next_arg(), tonumber(next_arg())
    local plan = { key = key, kind = kind }
    if kind == 'rate' then
      plan.before = used_ns(key)
      plan.after = plan.before + number
      if refused == 0 and plan.after > MINUTE_NS then
        refused, wait = index, plan.after - MINUTE_NS
      end
    elseif refused == 0 and held_by_all(key) >= number then
      refused, wait = index, -1
    end
    planned[index] = plan
  end
  answer(refused)
  answer(wait)
  for _, plan in ipairs(planned) do
    if plan.kind == 'rate' then
      if refused == 0 then keep(plan.key, plan.after) end
      answer(refused == 0 and plan.after or plan.before)
    elseif refused == 0 then
      redis.call('HINCRBY', plan.key, me, 1)
      redis.call('PEXPIRE', plan.key, SLOTS_MS)
    end
  end
end

local operations = {
  take = take,
  post = function()
    local key, difference = next_key(), tonumber(next_arg())
    keep(key, used_ns(key) + difference)
  end,
  hold = function()
    local key, count = next_key(), tonumber(next_arg())
    if count > 0 then
      redis.call('HSET', key, me, count)
      redis.call('PEXPIRE', key, SLOTS_MS)
    else
      redis.call('HDEL', key, me)
    end
  end,
  beat = function()
    redis.call('ZREMRANGEBYSCORE', nodes, '-inf', string.format('%d', now_ms))
    redis.call('ZADD', nodes, string.format('%d', now_ms + tonumber(next_arg())), me)
    answer(redis.call('ZCARD', nodes))
  end,
  leave = function()
    redis.call('ZREM', nodes, me)
  end,
}

while arg_at < #ARGV do
  operations[next_arg()]()
end
return answers

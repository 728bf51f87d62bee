-- Behind fence.lua: a write without effect. A server that no longer accepts writes, because it is a replica now or has too
-- few replicas, still answers reads, while other workers claim on the new master.
call('HDEL', KEYS[1], 'nothing')
return {'HELD'}

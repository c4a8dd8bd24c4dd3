-- Zones are read in shards: ranges of owner names in the order of their bytes, whatever the order of
-- the database is. The index is built anew, the table is not written.
alter table records alter column name type text collate "C";

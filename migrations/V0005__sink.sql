-- How outcomes are written.

-- A finding's check number is drawn by the sink that writes it, and numbers are never given back. To
-- look each one up cost more than to write it, and locked the same few rows in every flush.
alter table insights drop constraint insights_check_id_fkey;

-- Wakes workers that stay: a row that is new, or is due earlier than it was (a refused token was reported, or somebody
-- set it by hand). Other changes are told by tokens_notify.
CREATE TRIGGER tokens_notify_new AFTER INSERT ON tokens FOR EACH ROW
    EXECUTE FUNCTION tokenkeeper_notify();

CREATE TRIGGER tokens_notify_due AFTER UPDATE OF refresh_at ON tokens FOR EACH ROW
    WHEN (NEW.refresh_at < OLD.refresh_at AND OLD.generation = NEW.generation
        AND OLD.updating = NEW.updating AND OLD.state = NEW.state)
    EXECUTE FUNCTION tokenkeeper_notify();

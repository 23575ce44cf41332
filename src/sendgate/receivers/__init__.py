"""What mailbox providers ask of senders, as far as DNS can show whether it is met."""

locals {
  group = { AutoScalingGroupName = aws_autoscaling_group.service.name }

  alarms = merge(
    {
      in-service = {
        description = "Fewer instances in service than there should be"
        namespace   = "AWS/AutoScaling", metric = "GroupInServiceInstances", dimensions = local.group
        statistic   = "Minimum", comparison = "LessThanThreshold", threshold = var.min_size
        period      = 60, periods = 5, missing = "breaching"
      }
      status-check = {
        description = "An instance fails AWS's checks; the group replaces it"
        namespace   = "AWS/EC2", metric = "StatusCheckFailed", dimensions = local.group
        statistic   = "Maximum", comparison = "GreaterThanThreshold", threshold = 0
        period      = 60, periods = 3, missing = "notBreaching"
      }
      cpu = {
        description = "The processors have been busy for a quarter of an hour"
        namespace   = "AWS/EC2", metric = "CPUUtilization", dimensions = local.group
        statistic   = "Average", comparison = "GreaterThanThreshold", threshold = 80
        period      = 300, periods = 3, missing = "notBreaching"
      }
    },
    local.balanced ? {
      app-errors = {
        description = "The app answers with errors of its own"
        namespace   = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", dimensions = local.balancer
        statistic   = "Sum", comparison = "GreaterThanThreshold", threshold = 5
        period      = 300, periods = 1, missing = "notBreaching"
      }
      balancer-errors = {
        description = "The load balancer answers in the app's place: nothing serves"
        namespace   = "AWS/ApplicationELB", metric = "HTTPCode_ELB_5XX_Count", dimensions = local.balancer
        statistic   = "Sum", comparison = "GreaterThanThreshold", threshold = 5
        period      = 300, periods = 1, missing = "notBreaching"
      }
      unhealthy-hosts = {
        description = "An instance is not ready, by its /readyz"
        namespace   = "AWS/ApplicationELB", metric = "UnHealthyHostCount", dimensions = local.targets
        statistic   = "Maximum", comparison = "GreaterThanThreshold", threshold = 0
        period      = 60, periods = 5, missing = "notBreaching"
      }
    } : {},
  )

  balancer = { LoadBalancer = one(aws_lb.service[*].arn_suffix) }
  targets  = merge(local.balancer, { TargetGroup = one(aws_lb_target_group.service[*].arn_suffix) })
}

resource "aws_cloudwatch_metric_alarm" "service" {
  for_each = local.alarms

  alarm_name          = "${local.id}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  period              = each.value.period
  evaluation_periods  = each.value.periods
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26:CloudWatch cannot publish to a topic under AWS's own key, and an alarm's text is worth no key of ours
  name = "${local.id}-alarms"
}

resource "aws_sns_topic_subscription" "email" {
  count = var.alarm_email == null ? 0 : 1

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}
